/* SPDX-License-Identifier: MIT */
/* clock.c - the system's clocks, and RFC 3339 without the C library's time zones. */
#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};
    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t system_mono(struct clock *c)
{
    (void)c;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t system_wall(struct clock *c)
{
    (void)c;
    return read_clock(CLOCK_REALTIME);
}

struct clock clock_system = {.mono_ns = system_mono, .wall_ns = system_wall};

static void put_digits(char *at, unsigned width, uint64_t value)
{
    while (width > 0) {
        at[--width] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Days since 1970-01-01 to a civil date, in 400-year eras that begin on 1 March. */
static void put_date(char *at, uint64_t days)
{
    uint64_t shifted = days + 719468;
    uint64_t era = shifted / 146097;
    uint64_t day_of_era = shifted % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month_shifted = (5 * day_of_year + 2) / 153;
    uint64_t day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    uint64_t month = month_shifted < 10 ? month_shifted + 3 : month_shifted - 9;
    put_digits(at, 4, year_of_era + era * 400 + (month <= 2));
    at[4] = '-';
    put_digits(at + 5, 2, month);
    at[7] = '-';
    put_digits(at + 8, 2, day);
}

void clock_format_rfc3339(uint64_t wall_ns, char out[CLOCK_RFC3339_LEN])
{
    uint64_t seconds = wall_ns / NS_PER_S;
    uint64_t of_day = seconds % 86400;
    put_date(out, seconds / 86400);
    out[10] = 'T';
    put_digits(out + 11, 2, of_day / 3600);
    out[13] = ':';
    put_digits(out + 14, 2, of_day / 60 % 60);
    out[16] = ':';
    put_digits(out + 17, 2, of_day % 60);
    out[19] = '.';
    put_digits(out + 20, 3, wall_ns / NS_PER_MS % 1000);
    out[23] = 'Z';
}
