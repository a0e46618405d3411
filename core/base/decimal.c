/* Exact decimals on GMP's mpn layer. Any thread; owns nothing, allocates nothing.
 *
 * Every operation widens its operands, computes exactly and narrows the result: `narrow` is the one
 * place that decides what is an overflow. A result that is too long only because of zeros at the
 * end of its fraction loses those; anything else that does not fit is refused. */
#include "base/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmp.h>

/* The widest value is a division's numerator, below 10^76 * 10^120 (652 bits), or a quotient of 8
 * limbs times a step of 4. */
#define WIDE_LIMBS 12

_Static_assert(sizeof(mp_limb_t) == sizeof(uint64_t) && GMP_NUMB_BITS == 64,
               "a limb must be 64 bits without nails");

struct wide {
    mp_size_t n; /* limbs in use, the highest is not zero; 0 limbs are the value 0 */
    mp_limb_t limb[WIDE_LIMBS];
};

/* 10^76 */
static const mp_limb_t coefficient_end[TB_DECIMAL_LIMBS] = {
    0x0000000000000000u, 0x7775a5f171951000u, 0x0764b4abe8652979u, 0x161bcca7119915b5u};

/* 10^19 is the highest power of ten in one limb. */
#define CHUNK_DIGITS 19

/* clang-format off */
static const mp_limb_t powers_of_ten[CHUNK_DIGITS + 1] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    1000000000000000u,
    10000000000000000u,
    100000000000000000u,
    1000000000000000000u,
    10000000000000000000u,
};
/* clang-format on */

/* ---- wide integers ---- */

static void wide_trim(struct wide *w)
{
    while (w->n > 0 && w->limb[w->n - 1] == 0) {
        w->n--;
    }
}

static void wide_from(const struct tb_decimal *a, struct wide *out)
{
    out->n = TB_DECIMAL_LIMBS;
    for (size_t i = 0; i < TB_DECIMAL_LIMBS; i++) {
        out->limb[i] = a->limb[i];
    }
    wide_trim(out);
}

static int wide_compare(const struct wide *a, const struct wide *b)
{
    if (a->n != b->n) {
        return a->n < b->n ? -1 : 1;
    }
    return a->n == 0 ? 0 : mpn_cmp(a->limb, b->limb, a->n);
}

static void wide_scale_up(struct wide *w, unsigned digits)
{
    while (digits > 0 && w->n > 0) {
        unsigned chunk = digits < CHUNK_DIGITS ? digits : CHUNK_DIGITS;
        mp_limb_t carry = mpn_mul_1(w->limb, w->limb, w->n, powers_of_ten[chunk]);
        if (carry != 0) {
            w->limb[w->n++] = carry;
        }
        digits -= chunk;
    }
}

static void wide_add(const struct wide *a, const struct wide *b, struct wide *out)
{
    const struct wide *longer = a->n >= b->n ? a : b;
    const struct wide *shorter = a->n >= b->n ? b : a;
    if (shorter->n == 0) {
        *out = *longer;
        return;
    }
    mp_limb_t carry = mpn_add(out->limb, longer->limb, longer->n, shorter->limb, shorter->n);
    out->n = longer->n;
    if (carry != 0) {
        out->limb[out->n++] = carry;
    }
}

/* a - b for a >= b. */
static void wide_subtract(const struct wide *a, const struct wide *b, struct wide *out)
{
    if (b->n == 0) {
        *out = *a;
        return;
    }
    mpn_sub(out->limb, a->limb, a->n, b->limb, b->n);
    out->n = a->n;
    wide_trim(out);
}

static void wide_multiply(const struct wide *a, const struct wide *b, struct wide *out)
{
    if (a->n == 0 || b->n == 0) {
        out->n = 0;
        return;
    }
    const struct wide *longer = a->n >= b->n ? a : b;
    const struct wide *shorter = a->n >= b->n ? b : a;
    mpn_mul(out->limb, longer->limb, longer->n, shorter->limb, shorter->n);
    out->n = a->n + b->n;
    wide_trim(out);
}

static void wide_divide(const struct wide *a, const struct wide *b, struct wide *quotient,
                        struct wide *rest)
{
    if (a->n < b->n) {
        quotient->n = 0;
        *rest = *a;
        return;
    }
    mpn_tdiv_qr(quotient->limb, rest->limb, 0, a->limb, a->n, b->limb, b->n);
    quotient->n = a->n - b->n + 1;
    rest->n = b->n;
    wide_trim(quotient);
    wide_trim(rest);
}

/* ---- rounding ---- */

/* -1, 0, 1: the rest is less than, exactly or more than half of the divisor. */
static int compare_with_half(const struct wide *rest, const struct wide *divisor)
{
    struct wide twice;
    wide_add(rest, rest, &twice);
    return wide_compare(&twice, divisor);
}

static bool away_from_zero(enum tb_rounding rounding, bool negative, const struct wide *quotient,
                           const struct wide *rest, const struct wide *divisor)
{
    if (rest->n == 0) {
        return false;
    }
    int half = compare_with_half(rest, divisor);
    switch (rounding) {
    case TB_ROUND_DOWN:
        return false;
    case TB_ROUND_UP:
        return true;
    case TB_ROUND_FLOOR:
        return negative;
    case TB_ROUND_CEILING:
        return !negative;
    case TB_ROUND_HALF_EVEN:
        return half > 0 || (half == 0 && quotient->n > 0 && (quotient->limb[0] & 1) != 0);
    case TB_ROUND_HALF_UP:
        return half >= 0;
    }
    return false;
}

/* a / b as an integer; `negative` is the sign of the true quotient. */
static void divide_rounded(const struct wide *a, const struct wide *b, enum tb_rounding rounding,
                           bool negative, struct wide *out)
{
    static const struct wide one = {.n = 1, .limb = {1}};
    struct wide quotient, rest;
    wide_divide(a, b, &quotient, &rest);
    if (away_from_zero(rounding, negative, &quotient, &rest, b)) {
        wide_add(&quotient, &one, out);
    } else {
        *out = quotient;
    }
}

/* ---- wide to decimal ---- */

static bool fits(const struct wide *w, unsigned scale)
{
    return scale <= TB_DECIMAL_SCALE_MAX &&
           (w->n < TB_DECIMAL_LIMBS ||
            (w->n == TB_DECIMAL_LIMBS && mpn_cmp(w->limb, coefficient_end, TB_DECIMAL_LIMBS) < 0));
}

/* Divides by ten if that leaves no rest. */
static bool drop_zero(struct wide *w)
{
    mp_limb_t shorter[WIDE_LIMBS];
    if (w->n > 0 && mpn_divrem_1(shorter, 0, w->limb, w->n, 10) != 0) {
        return false;
    }
    memcpy(w->limb, shorter, (size_t)w->n * sizeof shorter[0]);
    wide_trim(w);
    return true;
}

static bool narrow(struct wide *w, unsigned scale, bool negative, struct tb_decimal *out)
{
    while (!fits(w, scale)) {
        if (scale == 0 || !drop_zero(w)) {
            return false;
        }
        scale--;
    }
    memset(out->limb, 0, sizeof out->limb);
    for (mp_size_t i = 0; i < w->n; i++) {
        out->limb[i] = w->limb[i];
    }
    out->scale = (uint8_t)scale;
    out->negative = negative && w->n > 0;
    return true;
}

/* Both as integers over the finer of the two scales, which is returned. */
static unsigned align(const struct tb_decimal *a, const struct tb_decimal *b, struct wide *wide_a,
                      struct wide *wide_b)
{
    unsigned scale = a->scale > b->scale ? a->scale : b->scale;
    wide_from(a, wide_a);
    wide_from(b, wide_b);
    wide_scale_up(wide_a, scale - a->scale);
    wide_scale_up(wide_b, scale - b->scale);
    return scale;
}

/* ---- text and numbers ---- */

/* The value digits * 10^exponent; `digits` holds the values 0 to 9. */
static bool from_digits(const unsigned char *digits, size_t count, int64_t exponent, bool negative,
                        struct tb_decimal *out)
{
    struct wide w = {.n = 0};
    if (count > TB_DECIMAL_DIGITS || exponent < -TB_DECIMAL_SCALE_MAX) {
        return false;
    }
    if (count > 0) {
        w.n = mpn_set_str(w.limb, digits, count, 10);
        wide_trim(&w);
    }
    unsigned scale = exponent < 0 ? (unsigned)-exponent : 0;
    if (exponent > 0 && w.n > 0) {
        if (exponent > TB_DECIMAL_DIGITS) {
            return false;
        }
        wide_scale_up(&w, (unsigned)exponent);
    }
    return narrow(&w, scale, negative, out);
}

struct scanner {
    const char *at;
    const char *end;
};

static bool next_is_digit(const struct scanner *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

/* Takes a sign if there is one; true for minus. */
static bool scan_sign(struct scanner *s)
{
    if (s->at < s->end && (*s->at == '-' || *s->at == '+')) {
        return *s->at++ == '-';
    }
    return false;
}

/* Collects digits without leading zeros, false when there is none or one too many. */
static bool scan_digits(struct scanner *s, unsigned char digits[TB_DECIMAL_DIGITS], size_t *count)
{
    if (!next_is_digit(s)) {
        return false;
    }
    for (; next_is_digit(s); s->at++) {
        unsigned char digit = (unsigned char)(*s->at - '0');
        if (*count == 0 && digit == 0) {
            continue;
        }
        if (*count == TB_DECIMAL_DIGITS) {
            return false;
        }
        digits[(*count)++] = digit;
    }
    return true;
}

/* An exponent beyond any use stops growing, so it cannot overflow. */
static bool scan_exponent(struct scanner *s, int64_t *out)
{
    s->at++;
    bool negative = scan_sign(s);
    if (!next_is_digit(s)) {
        return false;
    }
    int64_t value = 0;
    for (; next_is_digit(s); s->at++) {
        if (value < INT32_MAX) {
            value = value * 10 + (*s->at - '0');
        }
    }
    *out = negative ? -value : value;
    return true;
}

bool tb_decimal_parse(const char *text, size_t len, struct tb_decimal *out)
{
    struct scanner s = {text, text + len};
    unsigned char digits[TB_DECIMAL_DIGITS];
    size_t count = 0;
    int64_t exponent = 0;
    bool negative = scan_sign(&s);
    if (!scan_digits(&s, digits, &count)) {
        return false;
    }
    const char *fraction_end = s.at;
    const char *fraction = s.at;
    if (s.at < s.end && *s.at == '.') {
        fraction = ++s.at;
        if (!scan_digits(&s, digits, &count)) {
            return false;
        }
        fraction_end = s.at;
    }
    if (s.at < s.end && (*s.at == 'e' || *s.at == 'E') && !scan_exponent(&s, &exponent)) {
        return false;
    }
    if (s.at != s.end) {
        return false;
    }
    return from_digits(digits, count, exponent - (fraction_end - fraction), negative, out);
}

void tb_decimal_from_int64(int64_t value, struct tb_decimal *out)
{
    *out = (struct tb_decimal){.negative = value < 0};
    out->limb[0] = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* Adds one unit to the last digit; false when all are nines (a shorter text exists then). */
static bool bump_mantissa(char *text)
{
    char *at = strchr(text, 'e');
    while (at > text && (*--at == '9' || *at == '.')) {
        if (*at == '9') {
            *at = '0';
        }
    }
    if (*at < '0' || *at > '8') {
        return false;
    }
    (*at)++;
    return true;
}

/* 15 digits always survive, 17 always suffice. Where doubles thin out at a power of two the
 * nearest text of 16 digits may miss and its neighbour away from zero hit. */
static void shortest_text(double value, char *text, size_t size)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, size, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value || (bump_mantissa(text) && strtod(text, NULL) == value)) {
            return;
        }
    }
}

bool tb_decimal_from_double(double value, struct tb_decimal *out)
{
    char text[40];
    if (!isfinite(value)) {
        return false;
    }
    shortest_text(fabs(value), text, sizeof text);
    unsigned char digits[TB_DECIMAL_DIGITS];
    size_t count = 0;
    struct scanner s = {text, text + strlen(text)};
    int64_t exponent = 0;
    if (!scan_digits(&s, digits, &count)) {
        return false;
    }
    size_t fraction = 0;
    for (s.at++; next_is_digit(&s); s.at++) {
        digits[count++] = (unsigned char)(*s.at - '0');
        fraction++;
    }
    if (!scan_exponent(&s, &exponent)) {
        return false;
    }
    while (fraction > 0 && count > 0 && digits[count - 1] == 0) {
        count--;
        fraction--;
    }
    if (value == 0) {
        exponent = 0;
        fraction = 0;
    }
    return from_digits(digits, count, exponent - (int64_t)fraction, value < 0, out);
}

/* By way of text, because strtod rounds correctly. */
double tb_decimal_to_double(const struct tb_decimal *a)
{
    char text[TB_DECIMAL_TEXT];
    tb_decimal_format(a, text);
    return strtod(text, NULL);
}

bool tb_decimal_to_int64(const struct tb_decimal *a, int64_t *out)
{
    struct tb_decimal whole = *a;
    tb_decimal_normalise(&whole);
    if (whole.scale != 0 || whole.limb[1] != 0 || whole.limb[2] != 0 || whole.limb[3] != 0) {
        return false;
    }
    uint64_t value = whole.limb[0];
    if (value > (uint64_t)INT64_MAX + (whole.negative ? 1 : 0)) {
        return false;
    }
    *out = whole.negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

size_t tb_decimal_format(const struct tb_decimal *a, char out[TB_DECIMAL_TEXT])
{
    unsigned char digits[TB_DECIMAL_TEXT];
    struct wide w;
    wide_from(a, &w);
    size_t count = 0;
    if (w.n > 0) {
        count = mpn_get_str(digits, 10, w.limb, w.n);
    }
    size_t skip = 0;
    while (skip < count && digits[skip] == 0) {
        skip++;
    }
    count -= skip;
    size_t len = 0;
    if (a->negative && count > 0) {
        out[len++] = '-';
    }
    /* Digits before the point, at least one; then exactly `scale`. */
    size_t places = count > a->scale ? count : a->scale + (size_t)1;
    for (size_t place = places; place > 0; place--) {
        if (place == a->scale) {
            out[len++] = '.';
        }
        out[len++] = place > count ? '0' : (char)('0' + digits[skip + count - place]);
    }
    out[len] = '\0';
    return len;
}

void tb_decimal_normalise(struct tb_decimal *a)
{
    struct wide w;
    unsigned scale = a->scale;
    wide_from(a, &w);
    while (scale > 0 && drop_zero(&w)) {
        scale--;
    }
    bool narrowed = narrow(&w, scale, a->negative, a);
    (void)narrowed; /* It became shorter, so it fits. */
}

/* ---- comparing and arithmetic ---- */

int tb_decimal_sign(const struct tb_decimal *a)
{
    struct wide w;
    wide_from(a, &w);
    return w.n == 0 ? 0 : a->negative ? -1 : 1;
}

int tb_decimal_compare(const struct tb_decimal *a, const struct tb_decimal *b)
{
    int sign_a = tb_decimal_sign(a);
    int sign_b = tb_decimal_sign(b);
    if (sign_a != sign_b) {
        return sign_a < sign_b ? -1 : 1;
    }
    struct wide wide_a, wide_b;
    align(a, b, &wide_a, &wide_b);
    int order = wide_compare(&wide_a, &wide_b);
    order = order < 0 ? -1 : order > 0 ? 1 : 0;
    return sign_a < 0 ? -order : order;
}

void tb_decimal_negate(struct tb_decimal *a)
{
    a->negative = tb_decimal_sign(a) > 0;
}

static bool add_signed(const struct tb_decimal *a, const struct tb_decimal *b, bool b_negative,
                       struct tb_decimal *out)
{
    struct wide wide_a, wide_b, sum;
    unsigned scale = align(a, b, &wide_a, &wide_b);
    bool negative = a->negative;
    if (a->negative == b_negative) {
        wide_add(&wide_a, &wide_b, &sum);
    } else if (wide_compare(&wide_a, &wide_b) >= 0) {
        wide_subtract(&wide_a, &wide_b, &sum);
    } else {
        wide_subtract(&wide_b, &wide_a, &sum);
        negative = b_negative;
    }
    return narrow(&sum, scale, negative, out);
}

bool tb_decimal_add(const struct tb_decimal *a, const struct tb_decimal *b, struct tb_decimal *out)
{
    return add_signed(a, b, b->negative, out);
}

bool tb_decimal_subtract(const struct tb_decimal *a, const struct tb_decimal *b,
                         struct tb_decimal *out)
{
    return add_signed(a, b, !b->negative, out);
}

bool tb_decimal_multiply(const struct tb_decimal *a, const struct tb_decimal *b,
                         struct tb_decimal *out)
{
    struct wide wide_a, wide_b, product;
    wide_from(a, &wide_a);
    wide_from(b, &wide_b);
    wide_multiply(&wide_a, &wide_b, &product);
    return narrow(&product, (unsigned)a->scale + b->scale, a->negative != b->negative, out);
}

bool tb_decimal_divide(const struct tb_decimal *a, const struct tb_decimal *b, unsigned scale,
                       enum tb_rounding rounding, struct tb_decimal *out)
{
    struct wide numerator, divisor, quotient;
    wide_from(a, &numerator);
    wide_from(b, &divisor);
    if (divisor.n == 0 || scale > TB_DECIMAL_SCALE_MAX) {
        return false;
    }
    unsigned up = scale + b->scale;
    if (up >= a->scale) {
        wide_scale_up(&numerator, up - a->scale);
    } else {
        wide_scale_up(&divisor, a->scale - up);
    }
    bool negative = a->negative != b->negative;
    divide_rounded(&numerator, &divisor, rounding, negative, &quotient);
    return narrow(&quotient, scale, negative, out);
}

bool tb_decimal_round(const struct tb_decimal *a, unsigned scale, enum tb_rounding rounding,
                      struct tb_decimal *out)
{
    static const struct tb_decimal one = {.limb = {1}};
    return tb_decimal_divide(a, &one, scale, rounding, out);
}

bool tb_decimal_quantize(const struct tb_decimal *a, const struct tb_decimal *step,
                         enum tb_rounding rounding, struct tb_decimal *out)
{
    struct wide wide_a, wide_step, steps, product;
    if (tb_decimal_sign(step) <= 0) {
        return false;
    }
    align(a, step, &wide_a, &wide_step);
    divide_rounded(&wide_a, &wide_step, rounding, a->negative, &steps);
    wide_from(step, &wide_step);
    wide_multiply(&steps, &wide_step, &product);
    return narrow(&product, step->scale, a->negative, out);
}
