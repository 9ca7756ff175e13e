#include <cjson/cJSON.h>

#include "ai_api_buf.h"
#include "ai_api_crypto.h"
#include "ai_api_doc.h"
#include "ai_api_json.h"
#include "ai_api_str.h"


/*
 * cJSON turns numbers into doubles and forgets the text.  So each number is
 * given to it as a string that begins with this byte, which no string of a
 * checked document can contain: it is not UTF-8.
 */

#define AI_API_DOC_NUMBER_MARK  0xff

/* 2^53 */
#define AI_API_DOC_SECONDS_MAX  9007199254740992


struct ai_api_doc_s {
    cJSON  *root;
};


static int ai_api_doc_build(ai_api_doc_t **doc, const ai_api_str_t *text);
static int ai_api_doc_mark(const ai_api_str_t *text, ai_api_buf_t *marked);
static const u_char *ai_api_doc_string_end(const u_char *p,
    const u_char *end);
static const u_char *ai_api_doc_number_end(const u_char *p,
    const u_char *end);
static const cJSON *ai_api_doc_member(const ai_api_node_t *obj,
    const char *name);
static ai_api_doc_type_t ai_api_doc_type_of(const cJSON *item);
static ai_api_str_t ai_api_doc_text(const cJSON *item);
static int ai_api_doc_number(const ai_api_node_t *obj, const char *name,
    ai_api_str_t *text);
static int ai_api_doc_exponent(const ai_api_str_t *text, size_t *mantissa,
    int64_t *exponent);


int
ai_api_doc_parse(ai_api_doc_t **doc, const ai_api_str_t *text,
    const char **reason)
{
    int                  rc;
    const char          *unused;
    ai_api_json_error_t  error;

    *doc = NULL;

    if (reason == NULL) {
        reason = &unused;
    }

    *reason = "too large";

    if (text->len > AI_API_DOC_MAX) {
        return AI_API_INVALID;
    }

    /* no seed: 64 KiB of keys that collide cost little */

    rc = ai_api_json_check(text, 0, NULL, &error, NULL);

    if (rc != AI_API_OK) {
        *reason = ai_api_json_reason(error);
        return rc;
    }

    *reason = "not an object";

    return ai_api_doc_build(doc, text);
}


static int
ai_api_doc_build(ai_api_doc_t **doc, const ai_api_str_t *text)
{
    int            rc;
    ai_api_buf_t   marked;
    ai_api_doc_t  *d;

    d = ai_api_alloc(NULL, sizeof(ai_api_doc_t));
    if (d == NULL) {
        return AI_API_NOMEM;
    }

    d->root = NULL;

    ai_api_buf_init(&marked, 4 * AI_API_DOC_MAX, NULL);

    if (ai_api_doc_mark(text, &marked) == AI_API_OK) {
        d->root = cJSON_ParseWithLength((const char *) marked.data,
                                        marked.len);
    }

    ai_api_cleanse(marked.data, marked.len);
    ai_api_buf_free(&marked);

    if (!cJSON_IsObject(d->root)) {
        rc = (d->root == NULL) ? AI_API_NOMEM : AI_API_INVALID;
        ai_api_doc_free(d);

        return rc;
    }

    *doc = d;

    return AI_API_OK;
}


/* the document is valid JSON: outside of strings these bytes are numbers */

static int
ai_api_doc_mark(const ai_api_str_t *text, ai_api_buf_t *marked)
{
    const u_char  *p, *end, *last;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        if (*p == '-' || (*p >= '0' && *p <= '9')) {
            end = ai_api_doc_number_end(p, last);

            ai_api_buf_char(marked, '"');
            ai_api_buf_char(marked, AI_API_DOC_NUMBER_MARK);
            ai_api_buf_append(marked, p, (size_t) (end - p));
            ai_api_buf_char(marked, '"');

        } else {
            end = (*p == '"') ? ai_api_doc_string_end(p, last) : p + 1;
            ai_api_buf_append(marked, p, (size_t) (end - p));
        }

        p = end;
    }

    return marked->rc;
}


static const u_char *
ai_api_doc_string_end(const u_char *p, const u_char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\') {
            p++;
        }
    }

    return (p < end) ? p + 1 : end;
}


static const u_char *
ai_api_doc_number_end(const u_char *p, const u_char *end)
{
    while (p < end
           && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+'
               || *p == '.' || *p == 'e' || *p == 'E'))
    {
        p++;
    }

    return p;
}


void
ai_api_doc_free(ai_api_doc_t *doc)
{
    if (doc == NULL) {
        return;
    }

    cJSON_Delete(doc->root);
    ai_api_free(NULL, doc);
}


const ai_api_node_t *
ai_api_doc_root(const ai_api_doc_t *doc)
{
    return (const ai_api_node_t *) doc->root;
}


ai_api_doc_type_t
ai_api_doc_type(const ai_api_node_t *obj, const char *name)
{
    return ai_api_doc_type_of(ai_api_doc_member(obj, name));
}


static const cJSON *
ai_api_doc_member(const ai_api_node_t *obj, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive((const cJSON *) obj, name);
}


static ai_api_doc_type_t
ai_api_doc_type_of(const cJSON *item)
{
    if (item == NULL) {
        return AI_API_DOC_ABSENT;
    }

    if (cJSON_IsNull(item)) {
        return AI_API_DOC_NULL;
    }

    if (cJSON_IsBool(item)) {
        return AI_API_DOC_BOOL;
    }

    if (cJSON_IsArray(item)) {
        return AI_API_DOC_ARRAY;
    }

    if (cJSON_IsObject(item)) {
        return AI_API_DOC_OBJECT;
    }

    if ((u_char) item->valuestring[0] == AI_API_DOC_NUMBER_MARK) {
        return AI_API_DOC_NUMBER;
    }

    return AI_API_DOC_STRING;
}


int
ai_api_doc_str(const ai_api_node_t *obj, const char *name,
    ai_api_str_t *value)
{
    const cJSON  *item;

    item = ai_api_doc_member(obj, name);

    switch (ai_api_doc_type_of(item)) {

    case AI_API_DOC_ABSENT:
    case AI_API_DOC_NULL:
        return AI_API_DECLINED;

    case AI_API_DOC_STRING:
        *value = ai_api_doc_text(item);
        return AI_API_OK;

    default:
        return AI_API_INVALID;
    }
}


/* a checked document has no U+0000, so that the length is not lost */

static ai_api_str_t
ai_api_doc_text(const cJSON *item)
{
    return ai_api_strz(item->valuestring);
}


int
ai_api_doc_bool(const ai_api_node_t *obj, const char *name, int *value)
{
    const cJSON  *item;

    item = ai_api_doc_member(obj, name);

    switch (ai_api_doc_type_of(item)) {

    case AI_API_DOC_ABSENT:
    case AI_API_DOC_NULL:
        return AI_API_DECLINED;

    case AI_API_DOC_BOOL:
        *value = cJSON_IsTrue(item) ? 1 : 0;
        return AI_API_OK;

    default:
        return AI_API_INVALID;
    }
}


int
ai_api_doc_int(const ai_api_node_t *obj, const char *name, int64_t *value)
{
    int           rc;
    ai_api_str_t  text;

    rc = ai_api_doc_number(obj, name, &text);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_parse_uint(&text, AI_API_DOC_INT_MAX, value);

    return (rc == AI_API_OK) ? AI_API_OK : AI_API_INVALID;
}


static int
ai_api_doc_number(const ai_api_node_t *obj, const char *name,
    ai_api_str_t *text)
{
    const cJSON  *item;

    item = ai_api_doc_member(obj, name);

    switch (ai_api_doc_type_of(item)) {

    case AI_API_DOC_ABSENT:
    case AI_API_DOC_NULL:
        return AI_API_DECLINED;

    case AI_API_DOC_NUMBER:
        *text = ai_api_doc_text(item);
        text->data++;
        text->len--;
        return AI_API_OK;

    default:
        return AI_API_INVALID;
    }
}


/*
 * In integers: of the digits of the mantissa, those before the point moved by
 * the exponent are the value.
 */

int
ai_api_doc_seconds(const ai_api_node_t *obj, const char *name,
    int64_t *value)
{
    int           rc;
    size_t        i, mantissa;
    int64_t       v, digits;
    ai_api_str_t  text;

    rc = ai_api_doc_number(obj, name, &text);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_doc_exponent(&text, &mantissa, &digits);

    if (rc != AI_API_OK) {
        return rc;
    }

    for (v = 0, i = 0; digits > 0; i++) {
        if (i < mantissa && text.data[i] == '.') {
            continue;
        }

        v = v * 10 + (i < mantissa ? text.data[i] - '0' : 0);
        digits--;

        if (v > AI_API_DOC_SECONDS_MAX) {
            return AI_API_INVALID;
        }

        if (v == 0 && i >= mantissa) {
            break;
        }
    }

    *value = v;

    return AI_API_OK;
}


/* bytes of the mantissa, and how many of its digits are integral */

static int
ai_api_doc_exponent(const ai_api_str_t *text, size_t *mantissa,
    int64_t *digits)
{
    size_t   i, n;
    int64_t  exponent;

    if (text->data[0] == '-') {
        return AI_API_INVALID;
    }

    for (i = 0; i < text->len && text->data[i] >= '0'; i++) {
        if (text->data[i] > '9') {
            break;
        }
    }

    *digits = (int64_t) i;

    while (i < text->len && (text->data[i] | 0x20) != 'e') {
        i++;
    }

    *mantissa = i;

    if (i == text->len) {
        return AI_API_OK;
    }

    i++;
    n = (text->data[i] == '-' || text->data[i] == '+') ? i + 1 : i;

    for (exponent = 0; n < text->len; n++) {
        exponent = ai_api_min(exponent * 10 + (text->data[n] - '0'),
                              2 * AI_API_DOC_MAX);
    }

    *digits += (text->data[i] == '-') ? -exponent : exponent;

    return AI_API_OK;
}


const ai_api_node_t *
ai_api_doc_node(const ai_api_node_t *obj, const char *name)
{
    const cJSON  *item;

    item = ai_api_doc_member(obj, name);

    if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        return (const ai_api_node_t *) item;
    }

    return NULL;
}


size_t
ai_api_doc_count(const ai_api_node_t *array)
{
    return (array == NULL) ? 0
                           : (size_t) cJSON_GetArraySize((const cJSON *) array);
}


int
ai_api_doc_item_str(const ai_api_node_t *array, size_t i,
    ai_api_str_t *value)
{
    const cJSON  *item;

    item = (const cJSON *) ai_api_doc_item(array, i);

    if (ai_api_doc_type_of(item) != AI_API_DOC_STRING) {
        return AI_API_INVALID;
    }

    *value = ai_api_doc_text(item);

    return AI_API_OK;
}


const ai_api_node_t *
ai_api_doc_item(const ai_api_node_t *array, size_t i)
{
    return (const ai_api_node_t *)
           cJSON_GetArrayItem((const cJSON *) array, (int) i);
}


int
ai_api_doc_unknown(const ai_api_node_t *obj, const char *const *names,
    size_t n, ai_api_str_t *name)
{
    size_t        i;
    const cJSON  *item;

    cJSON_ArrayForEach(item, (const cJSON *) obj) {
        for (i = 0; i < n; i++) {
            if (strcmp(item->string, names[i]) == 0) {
                break;
            }
        }

        if (i == n) {
            *name = ai_api_strz(item->string);
            return AI_API_OK;
        }
    }

    return AI_API_DECLINED;
}
