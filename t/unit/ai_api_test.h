/*
 * A unit test is a program: tables of {input, expected}, T_CHECK for each row,
 * T_DONE() at the end.  It prints one "ok"/"not ok" line a group (TAP).
 */

#ifndef AI_API_TEST_H
#define AI_API_TEST_H


#include <stdio.h>
#include <stdlib.h>
#include <inttypes.h>

#include "ai_api_core.h"


static int  t_failed;      /* of the group under way */
static int  t_groups;
static int  t_bad_groups;


#define T_CHECK(cond, ...)                                                    \
    do {                                                                      \
        if (!(cond)) {                                                        \
            t_failed++;                                                       \
            printf("# %s:%d: %s: ", __FILE__, __LINE__, #cond);               \
            printf(__VA_ARGS__);                                              \
            printf("\n");                                                     \
        }                                                                     \
    } while (0)

#define T_GROUP(fn)                                                           \
    do {                                                                      \
        t_failed = 0;                                                         \
        fn();                                                                 \
        t_groups++;                                                           \
        t_bad_groups += (t_failed != 0);                                      \
        printf("%sok %d - %s\n", t_failed ? "not " : "", t_groups, #fn);      \
        fflush(stdout);                                                       \
    } while (0)

#define T_DONE()                                                              \
    do {                                                                      \
        printf("1..%d\n", t_groups);                                          \
        return t_bad_groups != 0;                                             \
    } while (0)


#endif /* AI_API_TEST_H */
