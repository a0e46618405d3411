/* Exact decimal arithmetic for money: a 256-bit coefficient and a power of ten, on GMP's mpn layer.
 *
 * No allocation; overflow is an error, never a wrap; rounding is always named. Values are
 * coefficient * 10^-scale with 0 <= scale <= TB_DECIMAL_SCALE_MAX and |coefficient| < 10^76. The
 * zero has no sign. Any thread. */
#ifndef TB_BASE_DECIMAL_H
#define TB_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TB_DECIMAL_LIMBS     4
#define TB_DECIMAL_DIGITS    76
#define TB_DECIMAL_SCALE_MAX 60
#define TB_DECIMAL_TEXT      160 /* room for any formatted value + NUL */

struct tb_decimal {
    uint64_t limb[TB_DECIMAL_LIMBS]; /* least significant first */
    uint8_t scale;
    bool negative;
};

enum tb_rounding {
    TB_ROUND_DOWN,    /* toward zero */
    TB_ROUND_UP,      /* away from zero */
    TB_ROUND_FLOOR,   /* toward minus infinity */
    TB_ROUND_CEILING, /* toward plus infinity */
    TB_ROUND_HALF_EVEN,
    TB_ROUND_HALF_UP,
};

/* Reads [-+]digits[.digits][(e|E)[-+]digits]; refuses anything else, NaN and infinities included.
 * Trailing zeros are kept ("1.50" has scale 2). False when malformed or out of range. */
TB_MUST_CHECK
bool tb_decimal_parse(const char *text, size_t len, struct tb_decimal *out);
void tb_decimal_from_int64(int64_t value, struct tb_decimal *out);
/* Shortest text of a finite double that reads back the same; false for NaN and infinities. */
TB_MUST_CHECK
bool tb_decimal_from_double(double value, struct tb_decimal *out);
double tb_decimal_to_double(const struct tb_decimal *a);
TB_MUST_CHECK
bool tb_decimal_to_int64(const struct tb_decimal *a, int64_t *out); /* exact or false */

/* Plain notation, never an exponent; "-0" is "0". Returns the length. */
size_t tb_decimal_format(const struct tb_decimal *a, char out[TB_DECIMAL_TEXT]);
/* Drops trailing zeros of the fraction: 1.500 becomes 1.5, 100 stays 100. */
void tb_decimal_normalise(struct tb_decimal *a);

int tb_decimal_sign(const struct tb_decimal *a); /* -1, 0, 1 */
int tb_decimal_compare(const struct tb_decimal *a, const struct tb_decimal *b);
void tb_decimal_negate(struct tb_decimal *a);

/* False on overflow; out may be an operand. Exact. */
TB_MUST_CHECK
bool tb_decimal_add(const struct tb_decimal *a, const struct tb_decimal *b, struct tb_decimal *out);
TB_MUST_CHECK
bool tb_decimal_subtract(const struct tb_decimal *a, const struct tb_decimal *b,
                         struct tb_decimal *out);
TB_MUST_CHECK
bool tb_decimal_multiply(const struct tb_decimal *a, const struct tb_decimal *b,
                         struct tb_decimal *out);
/* a / b to `scale` fraction digits; false when b is zero or on overflow. */
TB_MUST_CHECK
bool tb_decimal_divide(const struct tb_decimal *a, const struct tb_decimal *b, unsigned scale,
                       enum tb_rounding rounding, struct tb_decimal *out);
TB_MUST_CHECK
bool tb_decimal_round(const struct tb_decimal *a, unsigned scale, enum tb_rounding rounding,
                      struct tb_decimal *out);
/* The multiple of `step` (> 0) next to a in the named direction: floor(0.3/0.1) is 3 here. */
TB_MUST_CHECK
bool tb_decimal_quantize(const struct tb_decimal *a, const struct tb_decimal *step,
                         enum tb_rounding rounding, struct tb_decimal *out);

#endif
