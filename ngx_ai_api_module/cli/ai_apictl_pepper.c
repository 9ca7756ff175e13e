/*
 * The pepper: a key that is made with another one than nginx has is refused
 * from its first request on.
 */

#include "ai_apictl.h"
#include "ai_api_key.h"
#include "ai_api_record.h"


/* as nginx has it */

#define AI_APICTL_PEPPER_MIN   32

#define AI_APICTL_PEPPER_FILE  131072

/* rows that are looked at; ids are random, so they are any */

#define AI_APICTL_PEPPER_ROWS  1000


static void ai_apictl_chomp(ai_api_str_t *s);
static int ai_apictl_pepper_known(ai_api_txn_t *txn, uint32_t id,
    int *known);


int
ai_apictl_pepper(ai_apictl_t *ctl)
{
    int           code;
    ai_api_buf_t  bytes;
    ai_api_str_t  secret;

    if (ctl->pepper_file == NULL || *ctl->pepper_file == '\0') {
        return ai_apictl_error(AI_APICTL_USAGE, "which pepper? give "
                               "--pepper-file FILE or set "
                               "AI_API_PEPPER_FILE");
    }

    ai_api_buf_init(&bytes, AI_APICTL_PEPPER_FILE, NULL);

    code = ai_apictl_secret(ctl->pepper_file, &bytes);

    if (code == AI_APICTL_OK) {
        secret = ai_api_buf_str(&bytes);
        ai_apictl_chomp(&secret);

        ctl->pepper = (secret.len < AI_APICTL_PEPPER_MIN) ? NULL
                      : ai_api_hmac_create(AI_API_HS256, &secret);

        if (ctl->pepper == NULL) {
            code = ai_apictl_error(AI_APICTL_FAILED, "pepper file %s: the "
                                   "pepper is shorter than %d bytes",
                                   ctl->pepper_file, AI_APICTL_PEPPER_MIN);
        }
    }

    ai_api_cleanse(bytes.data, bytes.len);
    ai_api_buf_free(&bytes);

    return code;
}


/* as nginx does */

static void
ai_apictl_chomp(ai_api_str_t *s)
{
    if (s->len != 0 && s->data[s->len - 1] == '\n') {
        s->len--;

        if (s->len != 0 && s->data[s->len - 1] == '\r') {
            s->len--;
        }
    }
}


int
ai_apictl_pepper_check(ai_apictl_t *ctl)
{
    int            known, rc;
    uint32_t       id;
    ai_api_txn_t  *txn;

    if (ai_apictl_value(ctl, "new-pepper") != NULL) {
        return AI_APICTL_OK;
    }

    if (ai_api_key_pepper_id(ctl->pepper, &id) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "pepper file %s cannot be "
                               "used", ctl->pepper_file);
    }

    rc = ai_api_reader_begin(ctl->reader, &txn);

    if (rc == AI_API_OK) {
        rc = ai_apictl_pepper_known(txn, id, &known);
        ai_api_reader_end(ctl->reader);
    }

    if (rc != AI_API_OK) {
        return ai_apictl_store_error(rc, "cannot read the store");
    }

    if (known) {
        return AI_APICTL_OK;
    }

    return ai_apictl_error(AI_APICTL_FAILED, "pepper file %s: the store's "
                           "keys were made with another pepper (--new-pepper "
                           "when nginx has this one now)",
                           ctl->pepper_file);
}


/* no keys at all: any pepper is the right one */

static int
ai_apictl_pepper_known(ai_api_txn_t *txn, uint32_t id, int *known)
{
    int                rc;
    size_t             n;
    ai_api_str_t       key, value;
    ai_api_cursor_t   *c;
    ai_api_key_row_t   row;

    static const ai_api_str_t  first = ai_api_null_str;

    *known = 1;

    rc = ai_api_cursor_open(txn, AI_API_T_KEY, &c);

    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_cursor_seek(c, &first, &key, &value);

    for (n = 0; rc == AI_API_OK && n < AI_APICTL_PEPPER_ROWS; n++) {
        rc = ai_api_key_row_decode(&value, &row);

        if (rc == AI_API_OK && !row.deleted) {
            *known = (row.pepper_id == id);

            if (*known) {
                break;
            }
        }

        if (rc == AI_API_OK) {
            rc = ai_api_cursor_next(c, &key, &value);
        }
    }

    ai_api_cursor_close(c);

    return (rc == AI_API_DECLINED) ? AI_API_OK : rc;
}
