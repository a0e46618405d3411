/* What the controllers' config classes of a bot hold, and which of their fields a running bot takes
 * over from its config file (upstream marks them is_updatable). A class forbids every other key:
 * one that is written all the same breaks each later reload, the kill switch included, and cannot
 * be removed. The one table of it; a test compares it with the facts. Any thread. */
#ifndef TB_HUMMINGBOT_CONFIG_FIELDS_H
#define TB_HUMMINGBOT_CONFIG_FIELDS_H

#include <stdbool.h>

struct tb_hb_class;

enum tb_hb_field {
    TB_HB_FIELD_UNKNOWN, /* no field of the class */
    TB_HB_FIELD_FIXED,   /* read at the start only */
    TB_HB_FIELD_LIVE,    /* read again about every 10 s */
};

/* On what a field that was taken over acts. */
enum tb_hb_takes_effect {
    TB_HB_NEW_EXECUTORS, /* new orders and positions; what is open keeps its settings */
    TB_HB_NEXT_GRID,     /* the next grid; one that is running keeps its own */
};

/* NULL for a class that is not known. */
const struct tb_hb_class *tb_hb_class_find(const char *type, const char *name);
enum tb_hb_field tb_hb_class_field(const struct tb_hb_class *c, const char *field);
enum tb_hb_takes_effect tb_hb_class_takes_effect(const struct tb_hb_class *c);
/* Do the rows hold for bots of this image? Of other versions nobody has looked. */
bool tb_hb_fields_known(const char *image);

#endif
