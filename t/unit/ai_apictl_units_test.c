#include "ai_api_test.h"
#include "ai_apictl_units.h"


typedef struct {
    const char  *in;
    int          rc;
    int64_t      value;
} row_t;

typedef struct {
    uint64_t     in;
    const char  *out;
} size_row_t;


static const row_t  durations[] = {
    { "0", AI_API_OK, 0 },
    { "90", AI_API_OK, 90 },
    { "90s", AI_API_OK, 90 },
    { "1m", AI_API_OK, 60 },
    { "1h30m", AI_API_OK, 5400 },
    { "7d 12h", AI_API_OK, 648000 },
    { "1y1M1w1d1h1m1s", AI_API_OK, 31536000 + 2592000 + 604800 + 86400 + 3661 },
    { "1h 30", AI_API_OK, 3630 },
    { "100y", AI_API_OK, 3153600000 },
    { "0s", AI_API_OK, 0 },
    { "", AI_API_INVALID, 0 },
    { " 1h", AI_API_INVALID, 0 },
    { "-1h", AI_API_INVALID, 0 },
    { "+1h", AI_API_INVALID, 0 },
    { "1.5h", AI_API_INVALID, 0 },
    { "h", AI_API_INVALID, 0 },
    { "1q", AI_API_INVALID, 0 },
    { "1m1h", AI_API_INVALID, 0 },
    { "1h1h", AI_API_INVALID, 0 },
    { "30 1h", AI_API_INVALID, 0 },
    { "1ms", AI_API_INVALID, 0 },
    { "2026-11-22", AI_API_INVALID, 0 },
    { "100y1s", AI_API_OVERFLOW, 0 },
    { "99999999999999999999", AI_API_OVERFLOW, 0 },
    { "9007199254740991y", AI_API_OVERFLOW, 0 },
};

static const row_t  sizes[] = {
    { "0", AI_API_OK, 0 },
    { "4096", AI_API_OK, 4096 },
    { "64k", AI_API_OK, 65536 },
    { "64K", AI_API_OK, 65536 },
    { "16m", AI_API_OK, 16777216 },
    { "16M", AI_API_OK, 16777216 },
    { "64g", AI_API_OK, 68719476736 },
    { "2G", AI_API_OK, 2147483648 },
    { "9007199254740991", AI_API_OK, 9007199254740991 },
    { "", AI_API_INVALID, 0 },
    { "k", AI_API_INVALID, 0 },
    { "-1", AI_API_INVALID, 0 },
    { "1t", AI_API_INVALID, 0 },
    { "1kk", AI_API_INVALID, 0 },
    { "1 k", AI_API_INVALID, 0 },
    { "0x10", AI_API_INVALID, 0 },
    { "9007199254740992", AI_API_OVERFLOW, 0 },
    { "9007199254740991g", AI_API_OVERFLOW, 0 },
    { "8388608g", AI_API_OVERFLOW, 0 },
};

static const size_row_t  texts[] = {
    { 0, "0" },
    { 1023, "1023" },
    { 1024, "1k" },
    { 1025, "1025" },
    { 10240, "10k" },
    { 10241, "11k" },
    { 122880, "120k" },
    { 1048576, "1m" },
    { 1572864, "1536k" },
    { (uint64_t) 64 << 30, "64g" },
    { ((uint64_t) 64 << 30) + 1, "65g" },
    { UINT64_MAX, "17179869184g" },
};


static void
test_duration(void)
{
    int      rc;
    size_t   i;
    int64_t  v;

    for (i = 0; i < ai_api_nelts(durations); i++) {
        rc = ai_apictl_duration(durations[i].in, &v);

        T_CHECK(rc == durations[i].rc
                && (rc != AI_API_OK || v == durations[i].value),
                "\"%s\": %d, %" PRId64, durations[i].in, rc, v);
    }
}


static void
test_size(void)
{
    int      rc;
    size_t   i;
    int64_t  v;

    for (i = 0; i < ai_api_nelts(sizes); i++) {
        rc = ai_apictl_size(sizes[i].in, &v);

        T_CHECK(rc == sizes[i].rc && (rc != AI_API_OK || v == sizes[i].value),
                "\"%s\": %d, %" PRId64, sizes[i].in, rc, v);
    }
}


static void
test_size_text(void)
{
    char    text[AI_APICTL_SIZE_LEN];
    size_t  i;

    for (i = 0; i < ai_api_nelts(texts); i++) {
        ai_apictl_size_text(text, texts[i].in);
        T_CHECK(strcmp(text, texts[i].out) == 0, "%s: %s", texts[i].out,
                text);
    }
}


int
main(void)
{
    T_GROUP(test_duration);
    T_GROUP(test_size);
    T_GROUP(test_size_text);

    T_DONE();
}
