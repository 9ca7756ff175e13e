#include "ai_apictl_call.h"
#include "ai_apictl_slice.h"
#include "ai_api_jwt.h"
#include "ai_api_key.h"
#include "ai_api_meta.h"
#include "ai_api_str.h"

#include <stdlib.h>


/* elements of a page */

#define AI_APICTL_PAGE  "500"


typedef struct {
    ai_apictl_t        *ctl;
    ai_apictl_item_pt   each;
    void               *data;
} ai_apictl_page_t;


static void ai_apictl_call_fill(ai_apictl_t *ctl, ai_apictl_call_t *c,
    ai_api_manage_conf_t *conf, ai_api_manage_req_t *req,
    ai_api_claims_t *claims);
static int ai_apictl_call_run(ai_apictl_call_t *c,
    const ai_api_manage_conf_t *conf, const ai_api_manage_req_t *req);
static int ai_apictl_call_refused(ai_apictl_t *ctl, ai_apictl_call_t *c);
static int ai_apictl_call_why(ai_apictl_t *ctl);
static int ai_apictl_call_page(ai_apictl_t *ctl, ai_apictl_call_t *c,
    const char *name, ai_apictl_page_t *page);
static int ai_apictl_call_item(void *data, const ai_api_str_t *value);
static int ai_apictl_call_next(ai_apictl_call_t *c, char *after,
    size_t size);


void
ai_apictl_call_init(ai_apictl_call_t *c, const char *method)
{
    memset(c, 0, sizeof(ai_apictl_call_t));

    c->method = method;

    ai_api_buf_init(&c->path, AI_APICTL_PATH_MAX, NULL);
    ai_api_buf_init(&c->args, AI_APICTL_PATH_MAX, NULL);
    ai_api_buf_init(&c->body, AI_APICTL_BODY_MAX, NULL);
    ai_api_manage_res_init(&c->res, NULL);
}


void
ai_apictl_call_free(ai_apictl_call_t *c)
{
    ai_api_buf_free(&c->path);
    ai_api_buf_free(&c->args);
    ai_api_buf_free(&c->body);
    ai_api_manage_res_free(&c->res);
}


void
ai_apictl_call_path(ai_apictl_call_t *c, const char *piece)
{
    ai_api_buf_z(&c->path, piece);
}


void
ai_apictl_call_arg(ai_apictl_call_t *c, const char *name, const char *value)
{
    u_char  hex[2];

    ai_api_buf_char(&c->args, c->args.len ? '&' : ' ');

    if (c->args.len == 1) {
        c->args.len = 0;
    }

    ai_api_buf_z(&c->args, name);
    ai_api_buf_char(&c->args, '=');

    for ( /* void */ ; *value != '\0'; value++) {
        ai_api_buf_char(&c->args, '%');
        (void) ai_api_hex_encode(hex, (const u_char *) value, 1);
        ai_api_buf_append(&c->args, hex, sizeof(hex));
    }
}


int
ai_apictl_call(ai_apictl_t *ctl, ai_apictl_call_t *c)
{
    int                   rc;
    u_char                random[AI_API_MANAGE_RANDOM];
    ai_api_claims_t       claims;
    ai_api_manage_req_t   req;
    ai_api_manage_conf_t  conf;

    if (c->path.rc != AI_API_OK || c->args.rc != AI_API_OK
        || c->body.rc != AI_API_OK)
    {
        return ai_apictl_error(AI_APICTL_USAGE, "the arguments are too long");
    }

    if (ai_api_random(random, sizeof(random)) != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "no random bytes");
    }

    ai_apictl_call_fill(ctl, c, &conf, &req, &claims);
    req.random = random;

    rc = ai_apictl_call_run(c, &conf, &req);
    ai_api_cleanse(random, sizeof(random));

    if (rc != AI_API_OK) {
        return ai_apictl_error(AI_APICTL_FAILED, "%s", ai_api_strerror(rc));
    }

    return (c->res.err == AI_API_ERR_NONE) ? AI_APICTL_OK
                                           : ai_apictl_call_refused(ctl, c);
}


static void
ai_apictl_call_fill(ai_apictl_t *ctl, ai_apictl_call_t *c,
    ai_api_manage_conf_t *conf, ai_api_manage_req_t *req,
    ai_api_claims_t *claims)
{
    memset(conf, 0, sizeof(ai_api_manage_conf_t));
    memset(req, 0, sizeof(ai_api_manage_req_t));
    memset(claims, 0, sizeof(ai_api_claims_t));

    conf->store = ctl->store;
    conf->reader = ctl->reader;
    conf->pepper = ctl->pepper;
    conf->currency = ctl->currency;
    conf->known_users = c->known_users;

    claims->admin = (c->user.len == 0);
    claims->user_len = ai_api_min(c->user.len, sizeof(claims->user));

    if (claims->user_len != 0) {
        memcpy(claims->user, c->user.data, claims->user_len);
    }

    req->method = ai_api_strz(c->method);
    req->path = ai_api_buf_str(&c->path);
    req->args = ai_api_buf_str(&c->args);
    req->body = ai_api_buf_str(&c->body);
    req->idempotency = c->idempotency;
    req->actor = ai_api_strz(ctl->actor);
    req->claims = claims;
    req->lang = AI_API_LANG_EN;
    req->now = ai_apictl_now();
    req->in_flight = c->in_flight;
    req->notices_80 = c->notices_80;
    req->notices_100 = c->notices_100;
    req->overruns = c->overruns;
}


static int
ai_apictl_call_run(ai_apictl_call_t *c, const ai_api_manage_conf_t *conf,
    const ai_api_manage_req_t *req)
{
    int  rc, write;

    write = ai_api_manage_is_write(req);
    rc = ai_api_manage(conf, req, write, &c->res);

    if (rc == AI_API_AGAIN && !write) {
        ai_api_manage_res_free(&c->res);
        ai_api_manage_res_init(&c->res, NULL);

        rc = ai_api_manage(conf, req, 1, &c->res);
    }

    return rc;
}


static int
ai_apictl_call_refused(ai_apictl_t *ctl, ai_apictl_call_t *c)
{
    ai_api_str_t   body, text;
    ai_api_doc_t  *doc;

    switch (c->res.err) {

    case AI_API_ERR_BILLING:
        return ai_apictl_call_why(ctl);

    case AI_API_ERR_KEY_NOT_FOUND:
        return ai_apictl_error(AI_APICTL_FAILED, "there is no such key");

    case AI_API_ERR_USER_NOT_FOUND:
        return ai_apictl_error(AI_APICTL_FAILED, "there is no such user");

    default:
        break;
    }

    body = ai_api_buf_str(&c->res.body);

    if (ai_api_doc_parse(&doc, &body, NULL) == AI_API_OK) {
        if (ai_api_doc_str(ai_api_doc_root(doc), "error", &text)
            == AI_API_OK)
        {
            (void) ai_apictl_error(AI_APICTL_FAILED, "%.*s", (int) text.len,
                                   text.data);
        }

        ai_api_doc_free(doc);
    }

    return AI_APICTL_FAILED;
}


/* management says no more than 503: the store is asked itself */

static int
ai_apictl_call_why(ai_apictl_t *ctl)
{
    int            rc;
    ai_api_txn_t  *txn;

    rc = ai_api_write_begin(ctl->store, &txn);

    if (rc == AI_API_OK) {
        rc = ai_api_meta_touch(txn);

        if (rc == AI_API_OK) {
            rc = ai_api_write_commit(txn);

        } else {
            ai_api_write_abort(txn);
        }
    }

    return ai_apictl_error(AI_APICTL_STORE, "the store failed: %s",
                           (rc == AI_API_OK) ? "try again"
                                             : ai_api_strerror(rc));
}


int
ai_apictl_call_json(ai_apictl_t *ctl, const ai_apictl_call_t *c)
{
    if (!ctl->json) {
        return 0;
    }

    ai_api_buf_append(&ctl->out, c->res.body.data, c->res.body.len);
    ai_api_buf_char(&ctl->out, '\n');

    return 1;
}


int
ai_apictl_call_doc(const ai_api_str_t *text, ai_api_doc_t **doc)
{
    int          rc;
    const char  *reason;

    reason = NULL;
    rc = ai_api_doc_parse(doc, text, &reason);

    if (rc == AI_API_OK) {
        return AI_APICTL_OK;
    }

    return ai_apictl_error(AI_APICTL_FAILED, "the answer cannot be read: %s",
                           (rc == AI_API_INVALID) ? reason
                                                  : ai_api_strerror(rc));
}


int
ai_apictl_call_table(ai_apictl_t *ctl, ai_apictl_call_t *c, const char *name,
    const char *after, ai_apictl_item_pt each, ai_apictl_table_t *t)
{
    int  code;

    code = ai_apictl_call_pages(ctl, c, name, after, each, t);

    if (code == AI_APICTL_OK && !ctl->json) {
        ai_apictl_table_print(t, &ctl->out);
    }

    ai_apictl_call_free(c);
    ai_apictl_table_free(t);

    return code;
}


int
ai_apictl_call_pages(ai_apictl_t *ctl, ai_apictl_call_t *c, const char *name,
    const char *after, ai_apictl_item_pt each, void *data)
{
    int               code;
    char              next[256];
    size_t            args;
    ai_apictl_page_t  page;

    page.ctl = ctl;
    page.each = each;
    page.data = data;

    ai_apictl_call_arg(c, "limit", AI_APICTL_PAGE);
    args = c->args.len;

    if (after != NULL) {
        ai_apictl_call_arg(c, "after", after);
    }

    if (ctl->json) {
        ai_api_json_begin(&ctl->out, '{');
        ai_api_json_key(&ctl->out, name);
        ai_api_json_begin(&ctl->out, '[');
    }

    do {
        code = ai_apictl_call_page(ctl, c, name, &page);

        if (code != AI_APICTL_OK) {
            ai_api_buf_reset(&ctl->out);
            return code;
        }

        code = ai_apictl_call_next(c, next, sizeof(next));

        c->args.len = args;
        ai_apictl_call_arg(c, "after", next);
        ai_api_manage_res_free(&c->res);
        ai_api_manage_res_init(&c->res, NULL);

    } while (code == AI_API_OK);

    if (ctl->json) {
        ai_api_json_end(&ctl->out, ']');
        ai_api_json_member_null(&ctl->out, "next");
        ai_api_json_end(&ctl->out, '}');
        ai_api_buf_char(&ctl->out, '\n');
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_call_page(ai_apictl_t *ctl, ai_apictl_call_t *c, const char *name,
    ai_apictl_page_t *page)
{
    int           code;
    ai_api_str_t  body;

    code = ai_apictl_call(ctl, c);

    if (code != AI_APICTL_OK) {
        return code;
    }

    body = ai_api_buf_str(&c->res.body);

    if (ai_apictl_slices(&body, name, ai_apictl_call_item, page)
        != AI_API_OK)
    {
        return ai_apictl_error(AI_APICTL_FAILED, "the answer cannot be read");
    }

    return AI_APICTL_OK;
}


static int
ai_apictl_call_item(void *data, const ai_api_str_t *value)
{
    int                code;
    ai_api_doc_t      *doc;
    ai_apictl_page_t  *page = data;

    if (page->ctl->json) {
        ai_api_json_raw(&page->ctl->out, value);
        return AI_API_OK;
    }

    code = ai_apictl_call_doc(value, &doc);

    if (code != AI_APICTL_OK) {
        return AI_API_ERROR;
    }

    code = page->each(page->data, ai_api_doc_root(doc), value);
    ai_api_doc_free(doc);

    return (code == AI_APICTL_OK) ? AI_API_OK : AI_API_ERROR;
}


/* "next" of the answer; AI_API_DECLINED after the last page */

static int
ai_apictl_call_next(ai_apictl_call_t *c, char *after, size_t size)
{
    ai_api_str_t  body, next;

    after[0] = '\0';
    body = ai_api_buf_str(&c->res.body);

    if (ai_apictl_slice(&body, "next", &next) != AI_API_OK
        || next.len < 3 || next.len >= size || next.data[0] != '"')
    {
        return AI_API_DECLINED;
    }

    memcpy(after, next.data + 1, next.len - 2);
    after[next.len - 2] = '\0';

    return AI_API_OK;
}


int
ai_apictl_check_user(const char *name)
{
    ai_api_str_t  s;

    s = ai_api_strz(name);

    if (ai_api_user_check(&s) == AI_API_OK) {
        return AI_APICTL_OK;
    }

    return ai_apictl_error(AI_APICTL_USAGE, "a user has 1 to 128 bytes of "
                           "UTF-8 without control characters and / ? # %%");
}


int
ai_apictl_check_key(const char *id)
{
    u_char        bytes[16];
    ai_api_str_t  s;

    s = ai_api_strz(id);

    if (ai_api_key_id_parse(&s, bytes) == AI_API_OK) {
        return AI_APICTL_OK;
    }

    return ai_apictl_error(AI_APICTL_USAGE, "a key's id is \"key_\" and 22 "
                           "letters and digits, as \"key list\" shows it");
}
