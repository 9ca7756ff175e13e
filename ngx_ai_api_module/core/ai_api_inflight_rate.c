/*
 * Rates of keys and users: what was taken of a minute, and of which limit.
 */

#include "ai_api_inflight_ctx.h"


static void ai_api_inflight_known_limit(ai_api_rate_t *r, int64_t tat,
    const ai_api_rate_t *kept);
static void ai_api_inflight_keep(ai_api_inflight_t *t,
    ai_api_inflight_owner_t *o, const ai_api_quota_open_t *open);
static void ai_api_inflight_one(ai_api_rate_t *r, int64_t per_minute,
    int64_t n, int64_t now);
static void ai_api_inflight_correct(ai_api_inflight_t *t,
    ai_api_inflight_owner_t *o, int64_t per_minute, int64_t tokens,
    int64_t now);


void
ai_api_inflight_opened(const ai_api_inflight_t *t,
    const ai_api_inflight_owner_t *o, ai_api_quota_open_t *open)
{
    const ai_api_inflight_rate_t  *kept;

    memset(open, 0, sizeof(ai_api_quota_open_t));

    if (o == NULL) {
        return;
    }

    kept = (t->rates != NULL) ? &t->rates[o - t->owners] : NULL;

    open->held = o->open.held;
    open->running = o->open.running;

    ai_api_inflight_known_limit(&open->request_rate, o->open.request_tat,
                                kept ? &kept->request : NULL);
    ai_api_inflight_known_limit(&open->token_rate, o->open.token_tat,
                                kept ? &kept->token : NULL);
}


static void
ai_api_inflight_known_limit(ai_api_rate_t *r, int64_t tat,
    const ai_api_rate_t *kept)
{
    r->tat = tat;
    r->limit = 0;

    if (tat != 0 && kept != NULL && kept->tat == tat) {
        r->limit = ai_api_max(kept->limit, 0);
    }
}


static void
ai_api_inflight_keep(ai_api_inflight_t *t, ai_api_inflight_owner_t *o,
    const ai_api_quota_open_t *open)
{
    ai_api_inflight_rate_t  *kept;

    if (t->rates != NULL) {
        kept = &t->rates[o - t->owners];

        kept->request = open->request_rate;
        kept->token = open->token_rate;
    }

    o->open.request_tat = open->request_rate.tat;
    o->open.token_tat = open->token_rate.tat;
}


void
ai_api_inflight_raise(ai_api_inflight_t *t, ai_api_inflight_owner_t *o,
    const ai_api_limits_t *limits, int64_t now)
{
    ai_api_quota_open_t  open;

    if (o == NULL || (o->open.request_tat == 0 && o->open.token_tat == 0)) {
        return;
    }

    ai_api_inflight_opened(t, o, &open);

    ai_api_rate_raise(&open.request_rate, limits->requests_per_minute, now);
    ai_api_rate_raise(&open.token_rate, limits->tokens_per_minute, now);

    ai_api_inflight_keep(t, o, &open);
}


void
ai_api_inflight_take(ai_api_inflight_t *t, ai_api_inflight_owner_t *o,
    const ai_api_limits_t *limits, int64_t tokens, int64_t now)
{
    ai_api_quota_open_t  open;

    if (o == NULL
        || (limits->requests_per_minute < 0 && limits->tokens_per_minute < 0
            && o->open.request_tat == 0 && o->open.token_tat == 0))
    {
        return;
    }

    ai_api_inflight_opened(t, o, &open);

    ai_api_inflight_one(&open.request_rate, limits->requests_per_minute, 1,
                        now);
    ai_api_inflight_one(&open.token_rate, limits->tokens_per_minute, tokens,
                        now);

    ai_api_inflight_keep(t, o, &open);
}


/* Without a limit there is no debt that a later one could find. */

static void
ai_api_inflight_one(ai_api_rate_t *r, int64_t per_minute, int64_t n,
    int64_t now)
{
    if (per_minute < 0) {
        memset(r, 0, sizeof(ai_api_rate_t));
        return;
    }

    ai_api_rate_take(r, per_minute, n, now);
}


void
ai_api_inflight_rates(ai_api_inflight_t *t, const ai_api_slot_t *s,
    int64_t tokens)
{
    int64_t  now;

    if (tokens == 0 || (s->key_tpm < 0 && s->user_tpm < 0)) {
        return;
    }

    now = t->now_ns();

    ai_api_inflight_correct(t, ai_api_inflight_find(t, s->charge.key_id, 0, 0),
                            s->key_tpm, tokens, now);
    ai_api_inflight_correct(t, ai_api_inflight_find(t, NULL, s->charge.user_id,
                                                    0),
                            s->user_tpm, tokens, now);
}


/* The limit may be another one since the admission: tokens are time of the
 * one that the owner's arrival time is of. */

static void
ai_api_inflight_correct(ai_api_inflight_t *t, ai_api_inflight_owner_t *o,
    int64_t per_minute, int64_t tokens, int64_t now)
{
    ai_api_quota_open_t  open;

    if (o == NULL || per_minute < 0) {
        return;
    }

    ai_api_inflight_opened(t, o, &open);

    if (open.token_rate.limit > 0) {
        per_minute = open.token_rate.limit;
    }

    ai_api_rate_take(&open.token_rate, per_minute, tokens, now);

    ai_api_inflight_keep(t, o, &open);
}
