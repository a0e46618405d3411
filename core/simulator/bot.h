/* The process inside a bot's container: when it speaks, when it reports, when and why it dies, what
 * the commands it hears do. Called with the world's mutex held. */
#ifndef TB_SIMULATOR_BOT_H
#define TB_SIMULATOR_BOT_H

#include "simulator/world.h"

void sim_bot_start(struct sim_world *w, struct sim_container *c, bool mute);
/* One step of SIM_TICK; second: a whole second has passed, so prices moved. */
void sim_bot_step(struct sim_world *w, struct sim_container *c, bool second);
/* The stop command arrived over MQTT. */
void sim_bot_stop(struct sim_world *w, struct sim_container *c);
/* docker stop or a crash: the process is gone, its open orders are not. */
void sim_bot_kill(struct sim_world *w, struct sim_container *c);
/* Frees what the process held. */
void sim_bot_clear(struct sim_world *w, struct sim_container *c);
/* Would it answer a history call? */
bool sim_bot_answers(const struct sim_world *w, const struct sim_container *c);

/* ---- strategies (trade.c) ---- */

/* Reads a controller's config; false with a reason when the bot would refuse it. */
bool sim_controller_load(struct sim_world *w, struct sim_controller *k, const char *text,
                         char *reason, size_t size);
/* Live update: re-reads what is updatable; false with a reason when the reload breaks. */
bool sim_controller_reload(struct sim_world *w, struct sim_controller *k, const char *text,
                           char *reason, size_t size);
void sim_controller_clear(struct sim_controller *k);
void sim_controller_step(struct sim_world *w, struct sim_container *c, struct sim_controller *k);
/* Cancels what rests in the book. */
void sim_controller_cancel(struct sim_world *w, struct sim_container *c, struct sim_controller *k);
/* Sells or buys back what is held, at the market; executors end EARLY_STOP. */
void sim_controller_close(struct sim_world *w, struct sim_container *c, struct sim_controller *k);
/* Does it have executors (open orders or positions)? */
bool sim_controller_busy(const struct sim_controller *k);

/* ---- config classes (fields.c) ---- */

/* The types that occur, in the order of sim_types (fields.c). */
enum sim_type {
    SIM_T_STR,
    SIM_T_DECIMAL,
    SIM_T_BOOL,
    SIM_T_LIST_INITIALPOSITIONCONFIG,
    SIM_T_CONNECTORPAIR,
    SIM_T_INT,
    SIM_T_POSITIONMODE,
    SIM_T_TRADETYPE,
    SIM_T_OPTIONAL_DECIMAL,
    SIM_T_OPTIONAL_INT,
    SIM_T_TRIPLEBARRIERCONFIG,
    SIM_T_FLOAT,
    SIM_T_LIST_CANDLESCONFIG,
    SIM_T_LIST_GRIDCONFIG,
    SIM_T_LIST_FLOAT,
    SIM_T_OPTIONAL_LIST_DECIMAL,
    SIM_T_OPTIONAL_ORDERTYPE,
    SIM_T_DICT_STR_DECIMAL,
    SIM_T_LIST_LIST_DECIMAL,
    SIM_T_ORDERTYPE,
    SIM_T_OPTIONAL_TRAILINGSTOP,
    SIM_T_LIST_DECIMAL,
    SIM_T_OPTIONAL_FLOAT,
    SIM_TYPES
};

#define SIM_UPDATABLE 1u
#define SIM_IN_BASE   2u /* also a field of the base class that some validators pick */

struct sim_field {
    const char *name;
    enum sim_type type;
    unsigned flags;
    const char *shown; /* default as the template route shows it: JSON */
};

struct sim_class {
    const char *type, *name;
    const char *validator; /* the class that validate and template pick */
    bool validator_is_base;
    const struct sim_field *fields; /* end with name == NULL */
};

extern const struct sim_class sim_classes_generic[], sim_classes_directional[],
    sim_classes_market_making[]; /* end with name == NULL */
extern const struct sim_field sim_script_fields[];

const char *sim_type_repr(enum sim_type type);
/* 's' text, 'i' integer, 'd' decimal, 'b' boolean, 'a' anything */
char sim_type_kind(enum sim_type type);
const struct sim_class *sim_class_find(const char *type, const char *name);
const struct sim_field *sim_field_find(const struct sim_field *fields, const char *name);
/* Is the value one that pydantic would take for the field? */
bool sim_field_accepts(const struct sim_field *field, const struct tb_json *value);

#endif
