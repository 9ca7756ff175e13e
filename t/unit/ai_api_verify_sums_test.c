/*
 * Verification: sums, indexes and the tables of users, keys and models that
 * are not what the ledger says.
 */

#include "ai_api_meta.h"
#include "ai_api_verify_corrupt.h"


/* Periods of balances. */
#define DAY_ROW      0x40000000u
#define MONTH_ROW    0x80000000u


static void
c_balance_life(void)
{
    bend(AI_API_T_BALANCE, "k\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0", 21, 5,
         1);
}


static void
c_balance_user(void)
{
    bend(AI_API_T_BALANCE, "u\0\0\0\0\0\0\0\2\0\0\0\0", 13, 2, -1);
}


static void
c_balance_system(void)
{
    bend(AI_API_T_BALANCE, "s\0\0\0\0", 5, 0, 1);
}


static void
c_balance_day(void)
{
    u_char  key[32];

    memcpy(key, "U0123\0\0\0\0\0\0\0\3", 13);
    ai_api_put_be32(key + 1, DAY_ROW | ai_api_utc_day(BEGIN + DAY));
    bend(AI_API_T_BALANCE, key, 13, 5, 1);
}


static void
c_balance_month(void)
{
    u_char  key[32];

    memcpy(key, "U0123\0\0\0\0\0\0\0\3", 13);
    ai_api_put_be32(key + 1, MONTH_ROW | ai_api_utc_month(BEGIN));
    bend(AI_API_T_BALANCE, key, 13, 3, 1);
}


static void
c_balance_missing(void)
{
    u_char  key[32];

    memcpy(key, "U0123\0\0\0\0\0\0\0\2", 13);
    ai_api_put_be32(key + 1, MONTH_ROW | ai_api_utc_month(BEGIN));
    del(AI_API_T_BALANCE, key, 13);
}


static void
c_balance_extra(void)
{
    size_t  n;
    u_char  bytes[AI_API_TOTALS_MAX];

    n = get(AI_API_T_BALANCE, "s\0\0\0\0", 5, bytes);
    put(AI_API_T_BALANCE, "u\0\0\0\0\0\0\0\x9\0\0\0\0", 13, bytes, n);
}


static void
c_rollup(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_R_USER, NULL, 0, 0, key);
    bend(AI_API_T_R_USER, key, n, 4, 1);
}


static void
c_rollup_missing(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_R_SYS, NULL, 0, 0, key);
    del(AI_API_T_R_SYS, key, n);
}


static void
c_rollup_extra(void)
{
    size_t  n, len;
    u_char  key[32], bytes[AI_API_TOTALS_MAX];

    n = first(AI_API_T_R_KEY, NULL, 0, 0, key);
    len = get(AI_API_T_R_KEY, key, n, bytes);
    memset(key + 16, 0, 4);
    put(AI_API_T_R_KEY, key, n, bytes, len);
}


static void
c_rollup_cut(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_R_KEY, NULL, 0, 0, key);
    put(AI_API_T_R_KEY, key, n, "\1\2", 2);
}


static void
c_index_key(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_LEDGER_BY_KEY, NULL, 0, 0, key);
    del(AI_API_T_LEDGER_BY_KEY, key, n);
}


static void
c_index_user(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_LEDGER_BY_USER, NULL, 0, 0, key);
    del(AI_API_T_LEDGER_BY_USER, key, n);
}


static void
c_index_stray(void)
{
    put(AI_API_T_LEDGER_BY_USER, "\0\0\0\0\0\0\0\x4\0\0\0\0\0\0\0\1", 16, "",
        0);
}


/* An index row of a record that is not folded yet. */

static void
c_index_early(void)
{
    u_char  key[24], bytes[AI_API_CHARGE_MAX];

    ai_api_put_be64(key + 16, RECORDS);
    (void) get(AI_API_T_LEDGER, key + 16, 8, bytes);
    memcpy(key, bytes + 39, 16);
    put(AI_API_T_LEDGER_BY_KEY, key, 24, "", 0);
}


static void
c_user(void)
{
    del(AI_API_T_USER, "\0\0\0\0\0\0\0\3", 8);
}


static void
c_key(void)
{
    del(AI_API_T_KEY, "\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\2", 16);
}


static void
c_key_of_another(void)
{
    size_t  n;
    u_char  bytes[AI_API_ROW_MAX];

    n = get(AI_API_T_KEY, "\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\2", 16, bytes);
    ai_api_put_le64(bytes + 19, 2);
    put(AI_API_T_KEY, "\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\2", 16, bytes, n);
}


static void
c_model(void)
{
    del(AI_API_T_MODEL, "\0\0\0\2", 4);
}


static void
c_digest(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_KEY_BY_DIGEST, NULL, 0, 0, key);
    del(AI_API_T_KEY_BY_DIGEST, key, n);
}


static void
c_digest_stray(void)
{
    put(AI_API_T_KEY_BY_DIGEST, "01234567890123456789012345678901", 32,
        "0123456789012345", 16);
}


static void
c_name(void)
{
    put(AI_API_T_USER_BY_NAME, "user1", 5, "\0\0\0\0\0\0\0\2", 8);
}


static void
c_list(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_USER_KEYS, NULL, 0, 0, key);
    del(AI_API_T_USER_KEYS, key, n);
}


static void
c_model_name(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_MODEL_BY_NAME, NULL, 0, 0, key);
    del(AI_API_T_MODEL_BY_NAME, key, n);
}


static void
c_counter_user(void)
{
    T_CHECK(ai_api_meta_put(w, AI_API_META_NEXT_USER, USERS - 1)
            == AI_API_OK, "put");
}


static void
c_counter_key(void)
{
    del(AI_API_T_META, AI_API_META_NEXT_KEY, 3);
}


static void
c_counter_model(void)
{
    T_CHECK(ai_api_meta_put(w, AI_API_META_NEXT_MODEL, 0) == AI_API_OK,
            "put");
}


/* what is found, at which record, what else may be, a word of the text */

static const corruption_t  corruptions[] = {
    { "life", c_balance_life, AI_API_VERIFY_BALANCE, 0, 0, "life: cost" },
    { "life of a user", c_balance_user, AI_API_VERIFY_BALANCE, 0, K(SUM),
      "user 2, life: prompt tokens" },
    { "system", c_balance_system, AI_API_VERIFY_BALANCE, 0, K(SUM),
      "the system, life: requests" },
    { "day", c_balance_day, AI_API_VERIFY_BALANCE, 0, 0,
      "user 3, day 2026-11-23: cost" },
    { "month", c_balance_month, AI_API_VERIFY_BALANCE, 0, 0,
      "user 3, month 2026-11: cached tokens" },
    { "no balance", c_balance_missing, AI_API_VERIFY_BALANCE, 0, 0,
      "user 2, month 2026-11" },
    { "a balance more", c_balance_extra, AI_API_VERIFY_BALANCE, 0, K(SUM),
      "user 9, life" },
    { "rollup", c_rollup, AI_API_VERIFY_ROLLUP, 0, K(SUM),
      "completion tokens" },
    { "no rollup", c_rollup_missing, AI_API_VERIFY_ROLLUP, 0, K(SUM),
      "the system, hour" },
    { "a rollup more", c_rollup_extra, AI_API_VERIFY_ROLLUP, 0, K(SUM),
      "hour 1970-01-01T00" },
    { "cut rollup", c_rollup_cut, AI_API_VERIFY_ROLLUP, 0, K(SUM), "key_" },
    { "index by key", c_index_key, AI_API_VERIFY_INDEX, 0, 0,
      "ledger_by_key" },
    { "index by user", c_index_user, AI_API_VERIFY_INDEX, 0, 0,
      "ledger_by_user" },
    { "stray index", c_index_stray, AI_API_VERIFY_INDEX, 1, 0, "row " },
    { "early index", c_index_early, AI_API_VERIFY_INDEX, RECORDS, 0,
      "row " },
    { "user", c_user, AI_API_VERIFY_USER, 0, K(TABLE), "user 3" },
    { "key", c_key, AI_API_VERIFY_KEY, 0, K(TABLE), "key key_" },
    { "another's key", c_key_of_another, AI_API_VERIFY_KEY, 0, K(TABLE),
      ", user" },
    { "model", c_model, AI_API_VERIFY_MODEL, 0, K(TABLE), "model 2" },
    { "digest", c_digest, AI_API_VERIFY_TABLE, 0, 0, "row of key" },
    { "stray digest", c_digest_stray, AI_API_VERIFY_TABLE, 0, 0, "digests" },
    { "name", c_name, AI_API_VERIFY_TABLE, 0, 0, "row of user 1" },
    { "list", c_list, AI_API_VERIFY_TABLE, 0, 0, "row of key" },
    { "model's name", c_model_name, AI_API_VERIFY_TABLE, 0, 0,
      "row of model" },
    { "counter of users", c_counter_user, AI_API_VERIFY_TABLE, 0, 0,
      "counter \"user\"" },
    { "counter of keys", c_counter_key, AI_API_VERIFY_TABLE, 0, 0,
      "counter \"key\"" },
    { "counter of models", c_counter_model, AI_API_VERIFY_TABLE, 0, 0,
      "counter \"model\"" }
};


static void
differences(void)
{
    change_and_check(corruptions, ai_api_nelts(corruptions));
}


int
main(void)
{
    T_GROUP(differences);

    T_DONE();
}
