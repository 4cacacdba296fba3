/* SPDX-License-Identifier: MIT */
/* number.c - numbers stay text until somebody asks what they are.
 *
 * A number is split into sign, digits (with the point taken out), and the power of ten of its
 * last digit. Trailing zeros move into the power. Then it is an integer exactly when that power
 * is not negative, and it fits when the digits times the power stay in range: no floating point
 * is involved, so 9007199254740993 and 1000e-3 come out right and 1e400 and 0.5 are refused.
 *
 * Doubles: up to 15 digits and a power up to 22 are both exact in a double, so one multiplication
 * or division rounds once, correctly. The rest goes to strtod, on a span whose grammar the reader
 * has checked; the program never leaves the "C" locale. */
#include <math.h>
#include <stdlib.h>

#include "base/must.h"
#include "json/json_int.h"

/* Beyond every exponent that digits could bring back: texts are shorter than 4 GiB. */
#define POWER_MAX INT64_C(1000000000000)

#define EXACT_POWER 22

struct decimal {
    bool negative;
    bool fits;       /* digits did not pass 64 bits */
    uint64_t digits; /* without trailing zeros */
    int64_t power;   /* of ten */
};

static int64_t read_power(struct str text, size_t at)
{
    if (at >= text.n) {
        return 0;
    }
    at++; /* e or E */
    bool negative = text.p[at] == '-';
    if (negative || text.p[at] == '+') {
        at++;
    }
    int64_t power = 0;
    for (; at < text.n; at++) {
        power = power * 10 + (text.p[at] - '0');
        if (power > POWER_MAX) {
            power = POWER_MAX;
        }
    }
    return negative ? -power : power;
}

/* `zeros` more places, then one digit. False: past 64 bits. */
static bool append_digit(uint64_t *digits, int64_t zeros, unsigned digit)
{
    uint64_t v = *digits;
    for (int64_t i = 0; v && i <= zeros; i++) {
        if (__builtin_mul_overflow(v, UINT64_C(10), &v)) {
            return false;
        }
    }
    return !__builtin_add_overflow(v, digit, digits);
}

static struct decimal split(struct str text)
{
    struct decimal d = {.fits = true};
    size_t at = 0;
    if (text.p[0] == '-') {
        d.negative = true;
        at = 1;
    }
    int64_t zeros = 0; /* seen, and not yet followed by another digit */
    int64_t places = 0;
    bool fraction = false;
    for (; at < text.n && (text.p[at] | 0x20) != 'e'; at++) {
        if (text.p[at] == '.') {
            fraction = true;
            continue;
        }
        places += fraction;
        unsigned digit = (unsigned)(text.p[at] - '0');
        if (digit == 0) {
            zeros++;
            continue;
        }
        d.fits = d.fits && append_digit(&d.digits, zeros, digit);
        zeros = 0;
    }
    d.power = read_power(text, at) - places + zeros;
    return d;
}

/* The absolute value, when it is an integer of 64 bits. */
static bool read_magnitude(struct json v, struct decimal *d, uint64_t *out)
{
    if (json_type(v) != JSON_NUMBER) {
        return false;
    }
    *d = split(json_raw(v));
    if (!d->fits || (d->digits && (d->power < 0 || d->power > 19))) {
        return false;
    }
    uint64_t value = d->digits;
    for (int64_t i = 0; value && i < d->power; i++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool json_u64(struct json v, uint64_t *out)
{
    struct decimal d;
    uint64_t value;
    if (!read_magnitude(v, &d, &value) || (d.negative && value)) {
        return false;
    }
    *out = value;
    return true;
}

bool json_i64(struct json v, int64_t *out)
{
    struct decimal d;
    uint64_t value;
    if (!read_magnitude(v, &d, &value) || value > (uint64_t)INT64_MAX + d.negative) {
        return false;
    }
    if (!d.negative) {
        *out = (int64_t)value;
    } else {
        *out = value ? -(int64_t)(value - 1) - 1 : 0;
    }
    return true;
}

static double scale_exactly(uint64_t digits, int64_t power)
{
    double scale = 1;
    for (int64_t i = power < 0 ? -power : power; i > 0; i--) {
        scale *= 10; /* exact up to 1e22 */
    }
    return power < 0 ? (double)digits / scale : (double)digits * scale;
}

static double convert(struct str text)
{
    char small[64] = {0};
    if (text.n < sizeof(small)) {
        memcpy(small, text.p, text.n);
        return strtod(small, NULL);
    }
    char *z = str_dup_z(text);
    double value = strtod(z, NULL);
    free(z);
    return value;
}

bool json_double(struct json v, double *out)
{
    if (json_type(v) != JSON_NUMBER) {
        return false;
    }
    struct decimal d = split(json_raw(v));
    double value;
    if (d.fits && d.digits < UINT64_C(1) << 53 && d.power >= -EXACT_POWER &&
        d.power <= EXACT_POWER) {
        value = scale_exactly(d.digits, d.power);
        value = d.negative ? -value : value;
    } else {
        value = convert(json_raw(v));
    }
    if (!isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}
