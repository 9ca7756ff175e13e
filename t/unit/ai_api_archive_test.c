/*
 * Names and lines of the archive.
 */

#include "ai_api_archive.h"
#include "ai_api_str.h"
#include "ai_api_test.h"
#include "ai_api_test_store.h"


#define DAY  20779                   /* 2026-11-22 */


static void
names(void)
{
    size_t            i;
    char              name[AI_API_ARCHIVE_NAME];
    ai_api_archive_t  a;

    static const struct {
        const char        *name;
        ai_api_archive_t   a;
    } good[] = {
        { "ledger-20261122-1-200.ndjson",
          { DAY, 1, 200, AI_API_ARCHIVE_LEDGER } },
        { "audit-20261122-1-1000.ndjson",
          { DAY, 1, 1000, AI_API_ARCHIVE_AUDIT } },
        { "ledger-19700101-7-7.ndjson", { 0, 7, 7, AI_API_ARCHIVE_LEDGER } },
        { "ledger-99991231-9223372036854775806-9223372036854775807.ndjson",
          { 2932896, INT64_MAX - 1, INT64_MAX, AI_API_ARCHIVE_LEDGER } }
    };

    static const char *const  bad[] = {
        "", "ledger-", "ledger-20261122-1-200.ndjson.sha256",
        ".ledger-20261122-1-200.ndjson", "ledger-20261122-0-200.ndjson",
        "ledger-20261122-2-1.ndjson", "ledger-20261122-01-2.ndjson",
        "ledger-20261322-1-2.ndjson", "ledger-2026112-1-2.ndjson",
        "ledger-20261122-1-2", "ledger-20261122-1-2.json",
        "ledger-20261122--2.ndjson", "ledger-20261122-1-.ndjson",
        "ledger-20261122-1-9223372036854775808.ndjson",
        "ledger-20261122-1-99999999999999999999999999999.ndjson",
        "ledger-2026-1-22-1-2.ndjson", "Ledger-20261122-1-2.ndjson",
        "audit-", "audit-2026", "audit-20261122-0-1.ndjson",
        "audits-20261122-1-2.ndjson", "audit-20261122-1-2.ndjson.hmac"
    };

    for (i = 0; i < ai_api_nelts(good); i++) {
        ai_api_archive_name(name, &good[i].a);
        T_CHECK(strcmp(name, good[i].name) == 0, "%s", name);
        T_CHECK(ai_api_archive_parse(name, &a) == AI_API_OK
                && a.kind == good[i].a.kind
                && a.day == good[i].a.day && a.first == good[i].a.first
                && a.last == good[i].a.last, "%s", name);
    }

    for (i = 0; i < ai_api_nelts(bad); i++) {
        T_CHECK(ai_api_archive_parse(bad[i], &a) == AI_API_DECLINED, "%s",
                bad[i]);
    }
}


static void
lines(void)
{
    int              i;
    size_t           n, pos, len;
    u_char           bytes[AI_API_CHARGE_MAX], back[AI_API_ARCHIVE_RECORD];
    ai_api_buf_t     b;
    ai_api_str_t     record, text, user = ai_api_string("o\"hara\n");
    ai_api_charge_t  c;

    ai_api_buf_init(&b, 1 << 20, NULL);

    for (i = 1; i <= 3; i++) {
        t_charge(&c, (uint64_t) i, 1, 1);
        c.lsn = (uint64_t) i;
        T_CHECK(ai_api_charge_encode(&c, bytes, sizeof(bytes), &n)
                == AI_API_OK, "encode");
        record.data = bytes;
        record.len = n;
        ai_api_archive_write(&b, &record, &c, &user);
    }

    text = ai_api_buf_str(&b);
    pos = 0;

    for (i = 1; i <= 3; i++) {
        T_CHECK(ai_api_archive_read(&text, &pos, back, &len) == AI_API_OK
                && len == n, "read");

        record.data = back;
        record.len = len;
        T_CHECK(ai_api_charge_decode(&record, &c) == AI_API_OK
                && c.lsn == (uint64_t) i, "record %d", i);
    }

    T_CHECK(ai_api_archive_read(&text, &pos, back, &len) == AI_API_DECLINED,
            "the end");

    /* cut anywhere: never a record that was not there */
    for (n = text.len - 1; n > 0; n--) {
        record.data = text.data;
        record.len = n;
        pos = 0;
        i = 0;

        while (ai_api_archive_read(&record, &pos, back, &len) == AI_API_OK) {
            i++;
        }

        T_CHECK(i < 3, "%zu", n);
    }

    ai_api_buf_free(&b);
}


static void
wrong(void)
{
    size_t        i, pos, len;
    u_char        back[AI_API_ARCHIVE_RECORD];
    ai_api_str_t  text;

    static const char *const  bad[] = {
        "\n", "{}\n", "{\"raw\":\"\n", "{\"raw\":\"\"}\n", "{\"raw\":\"0\"}\n",
        "{\"raw\":\"0g\"}\n", "{\"raw\":\"00\"}", "{\"raw\":\"000\"}\n",
        " {\"raw\":\"00\"}\n", "{\"RAW\":\"00\"}\n", "{\"raw\":00}\n"
    };

    for (i = 0; i < ai_api_nelts(bad); i++) {
        text = ai_api_strz(bad[i]);
        pos = 0;
        T_CHECK(ai_api_archive_read(&text, &pos, back, &len)
                == AI_API_CORRUPT, "%s", bad[i]);
    }

    text = ai_api_strz("{\"raw\":\"00fF\",\"more\":1}\n");
    pos = 0;
    T_CHECK(ai_api_archive_read(&text, &pos, back, &len) == AI_API_OK
            && len == 2 && back[0] == 0 && back[1] == 0xff
            && pos == text.len, "what follows is not looked at");
}


int
main(void)
{
    T_GROUP(names);
    T_GROUP(lines);
    T_GROUP(wrong);

    T_DONE();
}
