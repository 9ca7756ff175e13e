/*
 * The context of a main request.  nginx zeroes r->ctx at an internal redirect
 * and in named locations; ours is found again through the pool's cleanups.
 */

#ifndef NGX_HTTP_AI_API_CTX_H
#define NGX_HTTP_AI_API_CTX_H


#include "ngx_http_ai_api.h"


struct ngx_http_ai_api_ctx_s {
    ngx_http_request_t        *request;
    u_char                     id[AI_API_ID_LEN];
    u_char                     id_text[2 * AI_API_ID_LEN];

    ngx_http_ai_api_auth_t     auth;

    const ai_api_route_t      *route;
    ai_api_str_t               param;           /* of the route */

    /* the gate */

    ai_api_request_t          *scan;
    ai_api_str_t               model;           /* canonical */
    const ai_api_price_family_t *family;

    /* the limits */

    ai_api_quota_input_t       sums;
    ai_api_quota_t             quota;           /* as last checked */
    ai_api_hold_ask_t          ask;

    /* our answer in place of the other one */

    ai_api_err_t               err;
    ai_api_str_t               detail;
    ngx_str_t                  body;
    ngx_uint_t                 retry_after;
    ngx_str_t                  allow;

    /* the upstream */

    ngx_http_status_t          status;
    ngx_http_chunked_t         chunked;
    ngx_int_t                  upstream_rc;
    ngx_int_t                  answer;          /* Ollama's status, 0: none */
    off_t                      body_size;       /* to Ollama */

    /* metering */

    ai_api_usage_t             usage;
    ai_api_slot_t             *slot;
    ngx_msec_t                 admitted;        /* ngx_current_msec */
    ngx_msec_t                 first_byte;
    ai_api_charge_t            charge;          /* as settled */
    ngx_queue_t                running;         /* until it is submitted */

    /* bytes that wait: for the charge, or to be rewritten */

    ngx_chain_t               *held;
    ngx_chain_t              **held_last;
    size_t                     held_size;
    ngx_chain_t               *late;            /* not counted yet */
    ngx_chain_t              **late_last;
    size_t                     late_size;
    ngx_uint_t                 late_tries;      /* to ask for more */
    ngx_msec_t                 late_since;
    off_t                      left;            /* of Content-Length, or -1 */
    ai_api_buf_t               collected;

    void                      *manage;          /* its job, under way */

    ngx_uint_t                 admit_waits;     /* so far */
    ngx_event_t                admit_event;
    ngx_event_t                settle_event;
    ngx_event_t                stall_event;
    ngx_event_t                drain_event;
    off_t                      stall_sent;
    int                        stall_unread;

    unsigned                   limits_known:1;  /* sums are set */
    unsigned                   cut:1;           /* the quota ran out */
    unsigned                   waits:1;         /* for more of its hold */
    unsigned                   late_over:1;     /* but no longer */
    unsigned                   late_ends:1;     /* nobody asks again */
    unsigned                   reading:1;       /* the body */
    unsigned                   body_read:1;
    unsigned                   body_waited:1;   /* for the client */
    unsigned                   scanned:1;       /* by the body filter */
    unsigned                   in_pass:1;       /* our upstream answers */
    unsigned                   handed_over:1;   /* its last byte, to send */
    unsigned                   replace:1;       /* body replaces the page */
    unsigned                   replaced:1;      /* and is known */
    unsigned                   header_waits:1;  /* for the body */
    unsigned                   collect:1;       /* the whole answer first */
    unsigned                   meter:1;         /* count this answer */
    unsigned                   ndjson:1;
    unsigned                   gone:1;          /* the client */
    unsigned                   unframed:1;      /* ends with the connection */
    unsigned                   broken:1;        /* after the header */
    unsigned                   ended:1;         /* no more of it will come */
    unsigned                   counted:1;       /* the first buffer of rest */
    unsigned                   in_line:1;       /* the client, so far */
    unsigned                   passed:1;        /* bytes of it, to the client */
    unsigned                   overlong:1;      /* too much to be held */
    unsigned                   framed:1;        /* error frame was added */
    unsigned                   torn:1;          /* no end for the client */
    unsigned                   unbilled:1;      /* settle timed out */
    unsigned                   released:1;      /* or let the answer go */
    unsigned                   shutdown:1;      /* the worker exits */
    unsigned                   submitted:1;
    unsigned                   durable:1;
    unsigned                   settled:1;       /* charge is filled in */
    unsigned                   last:1;          /* last_buf was seen */
    unsigned                   finished:1;      /* last_buf was passed on */
};


/* The context of r->main, or NULL. */
ngx_http_ai_api_ctx_t *ngx_http_ai_api_get_ctx(ngx_http_request_t *r);

/* The same, made when there is none; it has a request id.  NULL: no memory. */
ngx_http_ai_api_ctx_t *ngx_http_ai_api_make_ctx(ngx_http_request_t *r);

/* 1 when no redirect happened since the context was made or renewed. */
ngx_uint_t ngx_http_ai_api_ctx_direct(ngx_http_request_t *r);

/* core's allocator on a pool: alloc only, everything goes with the pool. */
void ngx_http_ai_api_mem(ai_api_mem_t *mem, ngx_pool_t *pool);

/* The value of a request header by its lower-case name; NULL: none. */
ngx_table_elt_t *ngx_http_ai_api_header(ngx_http_request_t *r,
    const char *name);


#endif /* NGX_HTTP_AI_API_CTX_H */
