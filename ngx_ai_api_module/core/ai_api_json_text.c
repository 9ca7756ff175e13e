#include "ai_api_json_text.h"


#define AI_API_JSON_X01  0x0101010101010101ULL
#define AI_API_JSON_X80  0x8080808080808080ULL


typedef enum {
    AI_API_JSON_TX_PLAIN = 0,
    AI_API_JSON_TX_UTF8,         /* within a character */
    AI_API_JSON_TX_ESCAPE,       /* after a backslash */
    AI_API_JSON_TX_HEX,
    AI_API_JSON_TX_PAIR,         /* a high surrogate wants another escape */
    AI_API_JSON_TX_PAIR_U
} ai_api_json_text_state_t;


static const u_char *ai_api_json_run(const u_char *p, const u_char *end);
static const u_char *ai_api_json_ascii(const u_char *p, const u_char *end);
static size_t ai_api_json_char(const u_char *p);
static void ai_api_json_keep(ai_api_json_t *json, const u_char *p, size_t n,
    uint64_t at);
static void ai_api_json_special(ai_api_json_t *json, u_char c, uint64_t at);
static void ai_api_json_lead(ai_api_json_t *json, u_char c, uint64_t at);
static void ai_api_json_byte(ai_api_json_t *json, u_char c, uint64_t at);
static void ai_api_json_follow(ai_api_json_t *json, u_char c, uint64_t at);
static void ai_api_json_escaped(ai_api_json_t *json, u_char c, uint64_t at);
static u_char ai_api_json_escape_byte(u_char c);
static void ai_api_json_hex(ai_api_json_t *json, u_char c, uint64_t at);
static void ai_api_json_code(ai_api_json_t *json, uint64_t at);
static void ai_api_json_append(ai_api_json_t *json, uint32_t code,
    uint64_t at);


void
ai_api_json_text_begin(ai_api_json_t *json)
{
    json->string = AI_API_JSON_TX_PLAIN;
    json->pair = 0;
}


const u_char *
ai_api_json_text(ai_api_json_t *json, const u_char *p, const u_char *end)
{
    const u_char  *run;

    while (p < end && json->rc == AI_API_OK) {

        if (json->string == AI_API_JSON_TX_PLAIN) {
            run = p;
            p = ai_api_json_run(p, end);

            if (p != run) {
                ai_api_json_keep(json, run, p - run,
                                 ai_api_json_at(json, run));
                continue;
            }

            if (*p == '"') {
                return p;
            }

            if (*p == '\\' && end - p >= 2) {
                p++;
                ai_api_json_escaped(json, *p, ai_api_json_at(json, p));

            } else {
                ai_api_json_special(json, *p, ai_api_json_at(json, p));
            }

        } else {
            ai_api_json_byte(json, *p, ai_api_json_at(json, p));
        }

        p++;
    }

    return p;
}


/*
 * As far as whole characters go that stand for themselves.  Characters that
 * the end may cut are left to the slow path.
 */

static const u_char *
ai_api_json_run(const u_char *p, const u_char *end)
{
    size_t  n;

    for ( ;; ) {

        p = ai_api_json_ascii(p, end);

        if (end - p < 4 || *p < 0x80) {
            return p;
        }

        do {
            n = ai_api_json_char(p);
            if (n == 0) {
                return p;
            }

            p += n;

        } while (end - p >= 4 && *p >= 0x80);
    }
}


/*
 * Eight bytes at a time: one that is below 0x20, '"', '\\' or above 0x7f sets
 * its high bit.  A borrow sets others too, but only where there is such a byte.
 */

static const u_char *
ai_api_json_ascii(const u_char *p, const u_char *end)
{
    uint64_t  x, quote, slash, hit;

    while (end - p >= 8) {

        memcpy(&x, p, 8);

        quote = x ^ (AI_API_JSON_X01 * '"');
        slash = x ^ (AI_API_JSON_X01 * '\\');

        hit = x | (x - AI_API_JSON_X01 * 0x20) | (quote - AI_API_JSON_X01)
              | (slash - AI_API_JSON_X01);

        if ((hit & AI_API_JSON_X80) != 0) {
            break;
        }

        p += 8;
    }

    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


/* Length of the character at p (4 bytes can be read), 0 when it is none. */

static size_t
ai_api_json_char(const u_char *p)
{
    u_char    c;
    uint32_t  w;

    c = p[0];
    w = (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];

    if (c >= 0xe0 && c < 0xf0) {

        if ((w & 0xc0c000) != 0x808000
            || (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f))
        {
            return 0;
        }

        return 3;
    }

    if (c >= 0xc2 && c < 0xe0) {
        return (w & 0xc00000) == 0x800000 ? 2 : 0;
    }

    if (c < 0xf0 || c > 0xf4 || (w & 0xc0c0c0) != 0x808080
        || (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
    {
        return 0;
    }

    return 4;
}


static void
ai_api_json_keep(ai_api_json_t *json, const u_char *p, size_t n, uint64_t at)
{
    size_t  room;

    room = ai_api_min(json->keep - json->kept, n);

    if (room != 0) {
        memcpy(json->text + json->kept, p, room);
        json->kept += room;
    }

    /* the byte that is one too many, however the text was cut */

    if (json->is_key && n > AI_API_JSON_KEY_MAX - json->length) {
        ai_api_json_fail(json, AI_API_JSON_KEY_LENGTH,
                         at + AI_API_JSON_KEY_MAX - json->length);
        return;
    }

    json->length += n;
}


static void
ai_api_json_special(ai_api_json_t *json, u_char c, uint64_t at)
{
    if (c == '\\') {
        json->string = AI_API_JSON_TX_ESCAPE;

    } else if (c >= 0x80) {
        ai_api_json_lead(json, c, at);

    } else {
        ai_api_json_fail(json, c ? AI_API_JSON_CONTROL : AI_API_JSON_NUL, at);
    }
}


/* RFC 3629 section 4: what may follow the first byte. */

static void
ai_api_json_lead(ai_api_json_t *json, u_char c, uint64_t at)
{
    if (c < 0xc2 || c > 0xf4) {
        ai_api_json_fail(json, AI_API_JSON_UTF8, at);
        return;
    }

    json->need = (c < 0xe0) ? 1 : (c < 0xf0) ? 2 : 3;
    json->low = (c == 0xe0) ? 0xa0 : (c == 0xf0) ? 0x90 : 0x80;
    json->high = (c == 0xed) ? 0x9f : (c == 0xf4) ? 0x8f : 0xbf;
    json->string = AI_API_JSON_TX_UTF8;

    ai_api_json_keep(json, &c, 1, at);
}


static void
ai_api_json_byte(ai_api_json_t *json, u_char c, uint64_t at)
{
    switch (json->string) {

    case AI_API_JSON_TX_UTF8:
        ai_api_json_follow(json, c, at);
        break;

    case AI_API_JSON_TX_ESCAPE:
        ai_api_json_escaped(json, c, at);
        break;

    case AI_API_JSON_TX_HEX:
        ai_api_json_hex(json, c, at);
        break;

    case AI_API_JSON_TX_PAIR:
        if (c != '\\') {
            ai_api_json_fail(json, AI_API_JSON_SURROGATE, at);
            break;
        }

        json->string = AI_API_JSON_TX_PAIR_U;
        break;

    default: /* AI_API_JSON_TX_PAIR_U */
        if (c != 'u') {
            ai_api_json_fail(json, AI_API_JSON_SURROGATE, at);
            break;
        }

        ai_api_json_escaped(json, c, at);
    }
}


static void
ai_api_json_follow(ai_api_json_t *json, u_char c, uint64_t at)
{
    if (c < json->low || c > json->high) {
        ai_api_json_fail(json, AI_API_JSON_UTF8, at);
        return;
    }

    json->low = 0x80;
    json->high = 0xbf;

    if (--json->need == 0) {
        json->string = AI_API_JSON_TX_PLAIN;
    }

    ai_api_json_keep(json, &c, 1, at);
}


static void
ai_api_json_escaped(ai_api_json_t *json, u_char c, uint64_t at)
{
    u_char  byte;

    if (c == 'u') {
        json->string = AI_API_JSON_TX_HEX;
        json->digits = 0;
        json->code = 0;
        return;
    }

    byte = ai_api_json_escape_byte(c);

    if (byte == '\0') {
        ai_api_json_fail(json, c ? AI_API_JSON_SYNTAX : AI_API_JSON_NUL, at);
        return;
    }

    json->string = AI_API_JSON_TX_PLAIN;

    ai_api_json_keep(json, &byte, 1, at);
}


/* RFC 8259 section 7; 0: no such escape. */

static u_char
ai_api_json_escape_byte(u_char c)
{
    switch (c) {

    case '"':
    case '\\':
    case '/':
        return c;

    case 'n':
        return '\n';

    case 't':
        return '\t';

    case 'r':
        return '\r';

    case 'b':
        return '\b';

    case 'f':
        return '\f';

    default:
        return '\0';
    }
}


static void
ai_api_json_hex(ai_api_json_t *json, u_char c, uint64_t at)
{
    u_char  low;

    low = c | 0x20;

    if (c >= '0' && c <= '9') {
        json->code = json->code << 4 | (uint32_t) (c - '0');

    } else if (low >= 'a' && low <= 'f') {
        json->code = json->code << 4 | (uint32_t) (low - 'a' + 10);

    } else {
        ai_api_json_fail(json, c ? AI_API_JSON_SYNTAX : AI_API_JSON_NUL, at);
        return;
    }

    if (++json->digits == 4) {
        ai_api_json_code(json, at);
    }
}


static void
ai_api_json_code(ai_api_json_t *json, uint64_t at)
{
    uint32_t  code;

    code = json->code;

    if (json->pair == 0 && code >= 0xd800 && code <= 0xdbff) {
        json->pair = code;
        json->string = AI_API_JSON_TX_PAIR;
        return;
    }

    if ((json->pair != 0) != (code >= 0xdc00 && code <= 0xdfff)) {
        ai_api_json_fail(json, AI_API_JSON_SURROGATE, at);
        return;
    }

    if (code == 0) {
        ai_api_json_fail(json, AI_API_JSON_NUL, at);
        return;
    }

    if (json->pair != 0) {
        code = 0x10000 + ((json->pair - 0xd800) << 10) + (code - 0xdc00);
        json->pair = 0;
    }

    json->string = AI_API_JSON_TX_PLAIN;

    ai_api_json_append(json, code, at);
}


static void
ai_api_json_append(ai_api_json_t *json, uint32_t code, uint64_t at)
{
    size_t  n;
    u_char  utf8[4];

    if (code < 0x80) {
        utf8[0] = (u_char) code;
        n = 1;

    } else if (code < 0x800) {
        utf8[0] = (u_char) (0xc0 | code >> 6);
        utf8[1] = (u_char) (0x80 | (code & 0x3f));
        n = 2;

    } else if (code < 0x10000) {
        utf8[0] = (u_char) (0xe0 | code >> 12);
        utf8[1] = (u_char) (0x80 | (code >> 6 & 0x3f));
        utf8[2] = (u_char) (0x80 | (code & 0x3f));
        n = 3;

    } else {
        utf8[0] = (u_char) (0xf0 | code >> 18);
        utf8[1] = (u_char) (0x80 | (code >> 12 & 0x3f));
        utf8[2] = (u_char) (0x80 | (code >> 6 & 0x3f));
        utf8[3] = (u_char) (0x80 | (code & 0x3f));
        n = 4;
    }

    ai_api_json_keep(json, utf8, n, at);
}
