/* SPDX-License-Identifier: MIT */
/* scan.c - which string scanner runs.
 *
 * The best one that the processor has, found at the first document and kept in one atomic
 * pointer. Tests and benches force another; nothing else does. All give the same answers. */
#include <stdatomic.h>

#include "json/json_int.h"

struct scanner {
    const char *name;
    json_scan_fn scan;
    bool (*here)(void);
};

static bool is_anywhere(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
           __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;
}
#endif

/* Best first. */
static const struct scanner scanners[] = {
#if defined(__x86_64__)
    {"avx512", json_scan_avx512, has_avx512},
    {"avx2", json_scan_avx2, has_avx2},
    {"sse2", json_scan_sse2, is_anywhere},
#endif
    {"portable", json_scan_portable, is_anywhere},
};

static _Atomic(const struct scanner *) chosen;

static const struct scanner *find_best(void)
{
    const struct scanner *s = scanners;
    while (!s->here()) {
        s++;
    }
    return s;
}

static const struct scanner *current(void)
{
    const struct scanner *s = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (UNLIKELY(!s)) {
        s = find_best();
        atomic_store_explicit(&chosen, s, memory_order_relaxed);
    }
    return s;
}

json_scan_fn json_scan_pick(void)
{
    return current()->scan;
}

const char *json_simd_name(void)
{
    return current()->name;
}

bool json_simd_force(const char *name)
{
    const struct scanner *found = name ? NULL : find_best();
    for (size_t i = 0; !found && i < COUNT_OF(scanners); i++) {
        if (str_eq(str_c(name), str_c(scanners[i].name)) && scanners[i].here()) {
            found = &scanners[i];
        }
    }
    if (found) {
        atomic_store_explicit(&chosen, found, memory_order_relaxed);
    }
    return found != NULL;
}
