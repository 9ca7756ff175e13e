/*
 * Verification: a store that is right; records, their numbers and ids, the
 * chain and answers that are not.
 */

#include "ai_api_meta.h"
#include "ai_api_verify_corrupt.h"


/* Offsets in a record. */
#define AT_ID        23
#define AT_COST      111
#define AT_DURATION  147


static void
clean(void)
{
    setup(FOLDED);

    if (verify() != AI_API_OK) {
        T_CHECK(0, "different");
        say();
    }

    T_CHECK(v.records == RECORDS && v.last == RECORDS
            && v.watermark == FOLDED && v.floor == 0, "%" PRIu64, v.records);
    T_CHECK(v.users == USERS && v.keys == USERS * KEYS && v.models == MODELS,
            "owners");
    T_CHECK(v.credited_nano == 5000000000LL && v.rows > 100, "money");

    while (v.watermark != v.last) {
        T_CHECK(ai_api_fold(s.store, 7, NULL, NULL) == AI_API_OK, "fold");
        T_CHECK(verify() == AI_API_OK, "at %" PRIu64, v.watermark);
    }

    teardown();
}


static void
empty(void)
{
    t_store_make(&s, MAP);
    T_CHECK(ai_api_reader_create(s.store, &r) == AI_API_OK, "reader");
    T_CHECK(verify() == AI_API_OK && v.records == 0, "empty");
    teardown();
}


/* Changes a record: xor of a byte, with a new check sum or without. */

static void
flip(uint64_t lsn, size_t at, u_char bits, int sum)
{
    size_t  n;
    u_char  key[8], bytes[AI_API_CHARGE_MAX];

    ai_api_put_be64(key, lsn);
    n = get(AI_API_T_LEDGER, key, 8, bytes);

    bytes[at] ^= bits;

    if (sum) {
        ai_api_put_le32(bytes + n - 4, ai_api_crc32c(0, bytes, n - 4));
    }

    put(AI_API_T_LEDGER, key, 8, bytes, n);
}


static void
c_crc(void)
{
    flip(77, AT_DURATION, 1, 0);
}


static void
c_crc_of_the_tail(void)
{
    flip(RECORDS, AT_COST, 1, 0);
}


static void
c_chain(void)
{
    flip(78, AT_DURATION, 1, 1);
}


static void
c_version(void)
{
    flip(79, 0, 3, 1);
}


static void
c_kind(void)
{
    flip(80, 1, 8, 1);
}


static void
c_gap(void)
{
    u_char  key[8];

    ai_api_put_be64(key, 33);
    del(AI_API_T_LEDGER, key, 8);
}


static void
c_moved(void)
{
    size_t  n;
    u_char  key[8], bytes[AI_API_CHARGE_MAX];

    ai_api_put_be64(key, RECORDS - 5);
    n = get(AI_API_T_LEDGER, key, 8, bytes);
    del(AI_API_T_LEDGER, key, 8);

    ai_api_put_be64(key, RECORDS + 1);
    put(AI_API_T_LEDGER, key, 8, bytes, n);
}


static void
c_cost(void)
{
    flip(81, AT_COST + 2, 1, 1);
}


static void
c_credit(void)
{
    flip(CREDIT, AT_COST + 3, 1, 1);
}


static void
c_twice(void)
{
    size_t  i;
    u_char  a[AI_API_CHARGE_MAX], b[AI_API_CHARGE_MAX], key[8];

    ai_api_put_be64(key, 219);
    (void) get(AI_API_T_LEDGER, key, 8, a);
    ai_api_put_be64(key, 220);
    (void) get(AI_API_T_LEDGER, key, 8, b);

    for (i = AT_ID; i < AT_ID + AI_API_ID_LEN; i++) {
        flip(220, i, a[i] ^ b[i], 1);
    }
}


static void
id_of(uint64_t n, u_char id[AI_API_ID_LEN])
{
    ai_api_put_be64(id, n);
    ai_api_put_be64(id + 8, ~n);
}


static void
c_by_id_elsewhere(void)
{
    u_char  id[AI_API_ID_LEN], lsn[8];

    id_of(90, id);
    ai_api_put_be64(lsn, 91);
    put(AI_API_T_BY_ID, id, AI_API_ID_LEN, lsn, 8);
}


static void
c_by_id_missing(void)
{
    u_char  id[AI_API_ID_LEN];

    id_of(91, id);
    del(AI_API_T_BY_ID, id, AI_API_ID_LEN);
}


static void
c_by_id_stray(void)
{
    u_char  id[AI_API_ID_LEN], lsn[8];

    id_of(9999, id);
    ai_api_put_be64(lsn, 92);
    put(AI_API_T_BY_ID, id, AI_API_ID_LEN, lsn, 8);
}


static void
c_watermark(void)
{
    T_CHECK(ai_api_meta_put(w, AI_API_META_WATERMARK, RECORDS + 1)
            == AI_API_OK, "put");
}


/* The watermark is right for another ledger: the last records are lost. */

static void
c_lost_end(void)
{
    u_char    key[8];
    uint64_t  i;

    for (i = RECORDS; i >= FOLDED - 1; i--) {
        ai_api_put_be64(key, i);
        del(AI_API_T_LEDGER, key, 8);
    }
}


static void
c_chain_head(void)
{
    size_t  n;
    u_char  bytes[64];

    n = get(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes);
    bytes[n - 5] ^= 1;
    put(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes, n);
}


/* As if a program without chain had folded the last records. */

static void
c_chain_behind(void)
{
    u_char  bytes[64];
    size_t  n;

    n = get(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes);
    ai_api_put_be64(bytes, FOLDED - 1);
    put(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes, n);
}


static void
c_chain_day(void)
{
    size_t  n;
    u_char  key[32];

    n = first(AI_API_T_CHAIN, NULL, 0, 0, key);
    del(AI_API_T_CHAIN, key, n);
}


static void
c_chain_extra(void)
{
    u_char  bytes[64];
    size_t  n;

    n = get(AI_API_T_CHAIN, "\xff\xff\xff\xff", 4, bytes);
    put(AI_API_T_CHAIN, "\0\0\1\0", 4, bytes, n - 4);
}


static void
answer(uint64_t id, uint64_t lsn)
{
    u_char  key[AI_API_ID_LEN], value[32];

    memset(value, 0, sizeof(value));
    id_of(id, key);
    value[0] = 1;
    ai_api_put_le64(value + 1, lsn);
    put(AI_API_T_IDEMPOTENCY, key, AI_API_ID_LEN, value, sizeof(value));
}


static void
c_answer(void)
{
    answer(CREDIT, CREDIT);
    answer(9999, RECORDS + 1);
}


static void
c_answer_of_charge(void)
{
    answer(CREDIT, CREDIT);
    answer(CREDIT + 1, CREDIT + 1);
}


/* what is found, at which record, what else may be, a word of the text */

static const corruption_t  corruptions[] = {
    { "crc", c_crc, AI_API_VERIFY_CRC, 77, K(CHAIN), "CRC-32C" },
    { "tail", c_crc_of_the_tail, AI_API_VERIFY_CRC, RECORDS, K(COST),
      "CRC-32C" },
    { "new crc", c_chain, AI_API_VERIFY_CHAIN, 0, 0, "SHA-256 of day" },
    { "version", c_version, AI_API_VERIFY_RECORD, 79,
      K(CHAIN) | K(BALANCE) | K(ROLLUP) | K(INDEX), "version" },
    { "kind", c_kind, AI_API_VERIFY_RECORD, 80,
      K(CHAIN) | K(BALANCE) | K(ROLLUP) | K(INDEX), "kind" },
    { "gap", c_gap, AI_API_VERIFY_GAP, 33,
      K(CHAIN) | K(BALANCE) | K(ROLLUP) | K(INDEX) | K(BY_ID), "number" },
    { "moved", c_moved, AI_API_VERIFY_LSN, RECORDS + 1, K(GAP) | K(BY_ID),
      "own number" },
    { "cost", c_cost, AI_API_VERIFY_COST, 81,
      K(CHAIN) | K(BALANCE) | K(ROLLUP), "cost" },
    { "credit", c_credit, AI_API_VERIFY_CHAIN, 0, K(BALANCE), "SHA-256" },
    { "credit's balance", c_credit, AI_API_VERIFY_BALANCE, 0, K(CHAIN),
      "credited" },
    { "twice", c_twice, AI_API_VERIFY_BY_ID, 220, 0, "request " },
    { "by_id elsewhere", c_by_id_elsewhere, AI_API_VERIFY_BY_ID, 90, 0,
      "request " },
    { "by_id missing", c_by_id_missing, AI_API_VERIFY_BY_ID, 91, 0,
      "request " },
    { "by_id stray", c_by_id_stray, AI_API_VERIFY_BY_ID, 92, 0, "row " },
    { "watermark", c_watermark, AI_API_VERIFY_MARK, 0,
      K(BALANCE) | K(ROLLUP) | K(INDEX) | K(CHAIN), "watermark" },
    { "lost end", c_lost_end, AI_API_VERIFY_MARK, 0,
      K(BALANCE) | K(ROLLUP) | K(INDEX) | K(CHAIN) | K(BY_ID), "watermark" },
    { "answer", c_answer, AI_API_VERIFY_IDEMPOTENCY, RECORDS + 1, 0,
      "credit" },
    { "answer of a charge", c_answer_of_charge, AI_API_VERIFY_IDEMPOTENCY,
      CREDIT + 1, 0, "credit" },
    { "head", c_chain_head, AI_API_VERIFY_CHAIN, FOLDED, 0, "all that" },
    { "behind", c_chain_behind, AI_API_VERIFY_MARK, 0,
      K(CHAIN) | K(BALANCE), "the chain, folded to" },
    { "no day", c_chain_day, AI_API_VERIFY_CHAIN, 0, 0, "day 2026-11-22" },
    { "a day more", c_chain_extra, AI_API_VERIFY_CHAIN, 0, 0, "rows of days" }
};


static void
differences(void)
{
    change_and_check(corruptions, ai_api_nelts(corruptions));
}


static void
texts(void)
{
    unsigned  i;

    for (i = 0; i < AI_API_VERIFY_MAX; i++) {
        T_CHECK(ai_api_verify_text(i).len != 0, "kind %u", i);
    }

    T_CHECK(ai_api_verify_text(AI_API_VERIFY_MAX).len == 0, "none");
}


int
main(void)
{
    T_GROUP(clean);
    T_GROUP(empty);
    T_GROUP(differences);
    T_GROUP(texts);

    T_DONE();
}
