/*
 * Keys and what they stand on: HMAC and SHA-256 by published vectors, text
 * form, ids.
 */

#include "ai_api_crypto.h"
#include "ai_api_key.h"
#include "ai_api_str.h"
#include "ai_api_test.h"


/* RFC 4231, test case 2; and SHA-256 of "abc" by FIPS 180-2 */

static const struct {
    ai_api_hmac_alg_t   alg;
    const char         *hex;
} hmac_rows[] = {
    { AI_API_HS256,
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { AI_API_HS384,
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
      "8e2240ca5e69e2c78b3239ecfab21649" },
    { AI_API_HS512,
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
      "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
};


static void
hmac(void)
{
    int             n;
    size_t          i;
    u_char          digest[AI_API_HMAC_MAX], hex[2 * AI_API_HMAC_MAX];
    ai_api_str_t    key = ai_api_string("Jefe"), s;
    ai_api_str_t    data = ai_api_string("what do ya want for nothing?");
    ai_api_str_t    none = ai_api_null_str;
    ai_api_hmac_t  *h;

    for (i = 0; i < ai_api_nelts(hmac_rows); i++) {
        h = ai_api_hmac_create(hmac_rows[i].alg, &key);
        T_CHECK(h != NULL, "row %zu", i);

        if (h == NULL) {
            continue;
        }

        /* a handle is good for any number of messages */

        for (n = 0; n < 3; n++) {
            T_CHECK(ai_api_hmac(h, &data, digest) == AI_API_OK, "%zu", i);

            s.data = hex;
            s.len = (size_t) (ai_api_hex_encode(hex, digest,
                                                ai_api_hmac_len(h)) - hex);
            T_CHECK(ai_api_str_eqz(&s, hmac_rows[i].hex), "row %zu", i);

            T_CHECK(ai_api_hmac(h, &none, digest) == AI_API_OK, "%zu", i);
        }

        ai_api_hmac_destroy(h);
    }

    T_CHECK(ai_api_hmac_create(AI_API_HS256, &none) == NULL, "empty");
    ai_api_hmac_destroy(NULL);
}


static void
sha256(void)
{
    u_char        digest[AI_API_SHA256_LEN], hex[2 * AI_API_SHA256_LEN];
    ai_api_str_t  abc = ai_api_string("abc"), s;

    T_CHECK(ai_api_sha256(&abc, digest) == AI_API_OK, "sha256");

    s.data = hex;
    s.len = (size_t) (ai_api_hex_encode(hex, digest, sizeof(digest)) - hex);

    T_CHECK(ai_api_str_eqz(&s, "ba7816bf8f01cfea414140de5dae2223"
                           "b00361a396177a9cb410ff61f20015ad"), "sha256");
}


/* In two pieces, in place, again and again. */

static void
hash(void)
{
    size_t          i;
    u_char          digest[AI_API_SHA256_LEN], want[AI_API_SHA256_LEN];
    ai_api_str_t    abc = ai_api_string("abc"), head, data;
    ai_api_hash_t  *h;

    h = ai_api_hash_create();
    T_CHECK(h != NULL, "create");
    T_CHECK(ai_api_sha256(&abc, want) == AI_API_OK, "sha256");

    for (i = 0; i <= abc.len; i++) {
        head.data = abc.data;
        head.len = i;
        data.data = abc.data + i;
        data.len = abc.len - i;

        T_CHECK(ai_api_hash(h, &head, &data, digest) == AI_API_OK, "%zu", i);
        T_CHECK(memcmp(digest, want, sizeof(want)) == 0, "%zu", i);
    }

    memcpy(digest, abc.data, 1);
    head.data = digest;
    head.len = 1;
    data.data = abc.data + 1;
    data.len = 2;
    T_CHECK(ai_api_hash(h, &head, &data, digest) == AI_API_OK
            && memcmp(digest, want, sizeof(want)) == 0, "in place");

    ai_api_hash_destroy(h);
    ai_api_hash_destroy(NULL);
}


static void
secrets(void)
{
    u_char  a[64], b[64], zero[64];

    memset(a, 0, sizeof(a));
    memset(b, 0, sizeof(b));
    memset(zero, 0, sizeof(zero));

    T_CHECK(ai_api_secret_eq(a, b, 64), "equal");
    b[63] = 1;
    T_CHECK(!ai_api_secret_eq(a, b, 64), "not equal");
    T_CHECK(ai_api_secret_eq(a, b, 63), "equal");

    T_CHECK(ai_api_random(a, sizeof(a)) == AI_API_OK, "random");
    T_CHECK(ai_api_random(b, sizeof(b)) == AI_API_OK, "random");
    T_CHECK(memcmp(a, b, sizeof(a)) != 0, "random");

    ai_api_cleanse(a, sizeof(a));
    T_CHECK(memcmp(a, zero, sizeof(a)) == 0, "cleanse");
    ai_api_cleanse(NULL, 0);
}


static void
make(void)
{
    size_t        i;
    u_char        key[AI_API_KEY_LEN], random[256];
    ai_api_str_t  s = { AI_API_KEY_LEN, key };

    /* the CRC of 43 zeros, by another implementation */

    memset(random, 0, sizeof(random));
    T_CHECK(ai_api_key_make(key, random, 43) == AI_API_OK, "zeros");
    T_CHECK(ai_api_str_eqz(&s, "aik_00000000000000000000000000000000000"
                           "000000002NnGIZ"), "%.*s", (int) s.len, s.data);

    T_CHECK(ai_api_key_make(key, random, 42) == AI_API_AGAIN, "42 bytes");

    /* 248 and more are not used, 61 is the last character, 62 the first */

    memset(random, 248, sizeof(random));
    T_CHECK(ai_api_key_make(key, random, sizeof(random)) == AI_API_AGAIN,
            "all refused");

    memset(random + 100, 61, 42);
    random[200] = 247;
    T_CHECK(ai_api_key_make(key, random, sizeof(random)) == AI_API_OK,
            "some refused");
    s.len = 47;
    T_CHECK(ai_api_str_eqz(&s, "aik_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
                           "zz"), "%.*s", (int) s.len, s.data);
    s.len = AI_API_KEY_LEN;
    T_CHECK(ai_api_key_check(&s) == AI_API_OK, "check");

    for (i = 0; i < 1000; i++) {
        T_CHECK(ai_api_random(random, AI_API_KEY_RANDOM) == AI_API_OK, "-");
        T_CHECK(ai_api_key_make(key, random, AI_API_KEY_RANDOM) == AI_API_OK,
                "%zu", i);
        T_CHECK(ai_api_key_check(&s) == AI_API_OK, "%.*s", (int) s.len,
                s.data);
    }
}


/* any one character changed, added or taken away is noticed */

static void
check(void)
{
    size_t        i;
    u_char        key[AI_API_KEY_LEN + 1], random[AI_API_KEY_RANDOM], c;
    ai_api_str_t  s;

    for (i = 0; i < sizeof(random); i++) {
        random[i] = (u_char) (i * 7);
    }

    T_CHECK(ai_api_key_make(key, random, sizeof(random)) == AI_API_OK, "-");
    key[AI_API_KEY_LEN] = '0';

    s.data = key;
    s.len = AI_API_KEY_LEN;
    T_CHECK(ai_api_key_check(&s) == AI_API_OK, "whole");

    for (i = 0; i < AI_API_KEY_LEN; i++) {
        c = key[i];
        key[i] = (c == 'x') ? 'y' : 'x';
        T_CHECK(ai_api_key_check(&s) == AI_API_INVALID, "byte %zu", i);
        key[i] = '-';
        T_CHECK(ai_api_key_check(&s) == AI_API_INVALID, "byte %zu", i);
        key[i] = '\0';
        T_CHECK(ai_api_key_check(&s) == AI_API_INVALID, "byte %zu", i);
        key[i] = c;
    }

    for (s.len = 0; s.len <= AI_API_KEY_LEN + 1; s.len++) {
        T_CHECK(ai_api_key_check(&s)
                == (s.len == AI_API_KEY_LEN ? AI_API_OK : AI_API_INVALID),
                "length %zu", s.len);
    }
}


static void
digest(void)
{
    u_char          one[AI_API_KEY_DIGEST], two[AI_API_KEY_DIGEST];
    uint32_t        id_a, id_b;
    ai_api_str_t    pa = ai_api_string("pepper one, 32 bytes and more..."),
                    pb = ai_api_string("pepper two, 32 bytes and more..."),
                    key = ai_api_string("aik_x");
    ai_api_hmac_t  *a, *b, *wrong;

    a = ai_api_hmac_create(AI_API_HS256, &pa);
    b = ai_api_hmac_create(AI_API_HS256, &pb);
    wrong = ai_api_hmac_create(AI_API_HS512, &pb);

    T_CHECK(a != NULL && b != NULL && wrong != NULL, "create");

    if (a == NULL || b == NULL || wrong == NULL) {
        return;
    }

    T_CHECK(ai_api_key_digest(a, &key, one) == AI_API_OK, "digest");
    T_CHECK(ai_api_key_digest(a, &key, two) == AI_API_OK, "digest");
    T_CHECK(memcmp(one, two, sizeof(one)) == 0, "the same");
    T_CHECK(ai_api_key_digest(b, &key, two) == AI_API_OK, "digest");
    T_CHECK(memcmp(one, two, sizeof(one)) != 0, "not the same");
    T_CHECK(ai_api_key_digest(wrong, &key, two) == AI_API_ERROR, "SHA-512");

    T_CHECK(ai_api_key_pepper_id(a, &id_a) == AI_API_OK, "id");
    T_CHECK(ai_api_key_pepper_id(b, &id_b) == AI_API_OK, "id");
    T_CHECK(id_a != id_b && id_a != 0 && id_b != 0, "ids");

    ai_api_hmac_destroy(a);
    ai_api_hmac_destroy(b);
    ai_api_hmac_destroy(wrong);
}


static const struct {
    const char  *text;
    int          rc;
} id_rows[] = {
    { "key_0000000000000000000000", AI_API_OK },
    { "key_7n42DGM5Tflk9n8mt7Fhc7", AI_API_OK },          /* 2^128 - 1 */
    { "key_7n42DGM5Tflk9n8mt7Fhc8", AI_API_INVALID },
    { "key_zzzzzzzzzzzzzzzzzzzzzz", AI_API_INVALID },
    { "KEY_0000000000000000000000", AI_API_INVALID },
    { "key_000000000000000000000",  AI_API_INVALID },
    { "key_00000000000000000000000", AI_API_INVALID },
    { "key_000000000000000000000-", AI_API_INVALID },
    { "key_",                       AI_API_INVALID },
    { "",                           AI_API_INVALID },
};


static void
ids(void)
{
    size_t        i;
    u_char        id[16], text[AI_API_KEY_ID_LEN];
    ai_api_str_t  s, back = { AI_API_KEY_ID_LEN, text };

    for (i = 0; i < ai_api_nelts(id_rows); i++) {
        s = ai_api_strz(id_rows[i].text);
        T_CHECK(ai_api_key_id_parse(&s, id) == id_rows[i].rc, "row %zu", i);

        if (id_rows[i].rc == AI_API_OK) {
            (void) ai_api_key_id_write(text, id);
            T_CHECK(ai_api_str_eq(&s, &back), "row %zu", i);
        }
    }
}


int
main(void)
{
    T_GROUP(hmac);
    T_GROUP(sha256);
    T_GROUP(hash);
    T_GROUP(secrets);
    T_GROUP(make);
    T_GROUP(check);
    T_GROUP(digest);
    T_GROUP(ids);

    T_DONE();
}
