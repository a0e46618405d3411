/* Types of config fields and what pydantic would take for them. Read-only. */
#include <string.h>

#include "simulator/bot.h"

struct type_row {
    char kind;
    bool optional;
    const char *repr; /* as Python prints the type */
};

static const struct type_row sim_types[SIM_TYPES] = {
    [SIM_T_STR] = {'s', false, "<class 'str'>"},
    [SIM_T_DECIMAL] = {'d', false, "<class 'decimal.Decimal'>"},
    [SIM_T_BOOL] = {'b', false, "<class 'bool'>"},
    [SIM_T_LIST_INITIALPOSITIONCONFIG] =
        {'a', false,
         "typing.List[hummingbot.strategy_v2.models.position_config.InitialPositionConfig]"},
    [SIM_T_CONNECTORPAIR] = {'a', false,
                             "<class 'hummingbot.strategy_v2.executors.data_types.ConnectorPair'>"},
    [SIM_T_INT] = {'i', false, "<class 'int'>"},
    [SIM_T_POSITIONMODE] = {'a', false, "<enum 'PositionMode'>"},
    [SIM_T_TRADETYPE] = {'a', false, "<enum 'TradeType'>"},
    [SIM_T_OPTIONAL_DECIMAL] = {'d', true, "typing.Optional[decimal.Decimal]"},
    [SIM_T_OPTIONAL_INT] = {'i', true, "typing.Optional[int]"},
    [SIM_T_TRIPLEBARRIERCONFIG] =
        {'a', false,
         "<class "
         "'hummingbot.strategy_v2.executors.position_executor.data_types.TripleBarrierConfig'>"},
    [SIM_T_FLOAT] = {'d', false, "<class 'float'>"},
    [SIM_T_LIST_CANDLESCONFIG] = {'a', false, "typing.List[CandlesConfig]"},
    [SIM_T_LIST_GRIDCONFIG] = {'a', false, "typing.List[GridConfig]"},
    [SIM_T_LIST_FLOAT] = {'a', false, "typing.List[float]"},
    [SIM_T_OPTIONAL_LIST_DECIMAL] = {'a', true, "typing.Optional[typing.List[decimal.Decimal]]"},
    [SIM_T_OPTIONAL_ORDERTYPE] = {'a', true,
                                  "typing.Optional[hummingbot.core.data_type.common.OrderType]"},
    [SIM_T_DICT_STR_DECIMAL] = {'a', false, "typing.Dict[str, decimal.Decimal]"},
    [SIM_T_LIST_LIST_DECIMAL] = {'a', false, "typing.List[typing.List[decimal.Decimal]]"},
    [SIM_T_ORDERTYPE] = {'a', false, "<enum 'OrderType'>"},
    [SIM_T_OPTIONAL_TRAILINGSTOP] = {'a', true,
                                     "typing.Optional[hummingbot.strategy_v2.executors.position_"
                                     "executor.data_types.TrailingStop]"},
    [SIM_T_LIST_DECIMAL] = {'a', false, "typing.List[decimal.Decimal]"},
    [SIM_T_OPTIONAL_FLOAT] = {'d', true, "typing.Optional[float]"},
};

const struct sim_field sim_script_fields[] = {
    {"script_file_name", SIM_T_STR, 0, "\"v2_with_controllers.py\""},
    {"controllers_config", SIM_T_LIST_FLOAT, 0, "[]"},
    {"max_global_drawdown_quote", SIM_T_OPTIONAL_FLOAT, 0, "null"},
    {"max_controller_drawdown_quote", SIM_T_OPTIONAL_FLOAT, 0, "null"},
    {NULL, SIM_T_STR, 0, NULL},
};

/* Members of the nested models; they forbid extra keys too. */
struct nested {
    enum sim_type type;
    const char *members[9];
};

static const struct nested nested_models[] = {
    {SIM_T_CONNECTORPAIR, {"connector_name", "trading_pair"}},
    {SIM_T_OPTIONAL_TRAILINGSTOP, {"activation_price", "trailing_delta"}},
    {SIM_T_TRIPLEBARRIERCONFIG,
     {"stop_loss", "take_profit", "time_limit", "trailing_stop", "open_order_type",
      "take_profit_order_type", "stop_loss_order_type", "time_limit_order_type"}},
};

const char *sim_type_repr(enum sim_type type)
{
    return sim_types[type].repr;
}

char sim_type_kind(enum sim_type type)
{
    return sim_types[type].kind;
}

const struct sim_class *sim_class_find(const char *type, const char *name)
{
    static const struct sim_class *const tables[] = {sim_classes_generic, sim_classes_market_making,
                                                     sim_classes_directional};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct sim_class *c = tables[t]; c->name != NULL; c++) {
            if (strcmp(c->name, name) == 0 && strcmp(c->type, type) == 0)
                return c;
        }
    }
    return NULL;
}

const struct sim_field *sim_field_find(const struct sim_field *fields, const char *name)
{
    for (; fields->name != NULL; fields++) {
        if (strcmp(fields->name, name) == 0)
            return fields;
    }
    return NULL;
}

static bool members_known(const struct nested *model, const struct tb_json *value)
{
    for (const struct tb_json *m = value->child; m != NULL; m = m->next) {
        bool known = false;
        for (size_t i = 0; model->members[i] != NULL; i++)
            known = known || strcmp(model->members[i], m->key) == 0;
        if (!known)
            return false;
    }
    return true;
}

static bool accepts_any(enum sim_type type, const struct tb_json *value)
{
    for (size_t i = 0; i < sizeof nested_models / sizeof nested_models[0]; i++) {
        if (nested_models[i].type == type)
            return value->type == TB_JSON_OBJECT && members_known(&nested_models[i], value);
    }
    return true;
}

bool sim_field_accepts(const struct sim_field *field, const struct tb_json *value)
{
    struct tb_decimal d;
    double number;
    int64_t integer;
    const struct type_row *type = &sim_types[field->type];
    if (value->type == TB_JSON_NULL)
        return type->optional || type->kind == 'a';
    switch (type->kind) {
    case 's':
        return value->type == TB_JSON_STRING;
    case 'i':
        if (value->type == TB_JSON_STRING)
            return tb_decimal_parse(value->text, value->len, &d) &&
                   tb_decimal_to_int64(&d, &integer);
        return tb_json_int64(value, &integer);
    case 'd':
        if (value->type == TB_JSON_STRING)
            return tb_decimal_parse(value->text, value->len, &d);
        return tb_json_double(value, &number);
    case 'b':
        return value->type == TB_JSON_BOOL;
    default:
        return accepts_any(field->type, value);
    }
}
