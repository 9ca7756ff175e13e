#include "ai_apictl_running.h"
#include "ai_api_print.h"


int
ai_apictl_running(const ai_apictl_t *ctl, ai_api_inflight_peek_t *p)
{
    int  rc;

    rc = ai_api_inflight_peek(ctl->dir, p);

    switch (rc) {

    case AI_API_OK:
    case AI_API_DECLINED:
        return AI_APICTL_OK;

    case AI_API_VERSION:
        return ai_apictl_error(AI_APICTL_STORE, "%s/%s is of another version",
                               ctl->dir, AI_API_INFLIGHT_FILE);

    default:
        return ai_apictl_store_error(rc, "cannot read " AI_API_INFLIGHT_FILE);
    }
}


unsigned
ai_apictl_running_requests(const ai_api_inflight_peek_t *p)
{
    return p->states[AI_API_SLOT_HELD] + p->states[AI_API_SLOT_SENT]
           + p->states[AI_API_SLOT_STREAMING];
}


void
ai_apictl_running_json(ai_api_buf_t *b, const ai_api_inflight_peek_t *p)
{
    size_t  i;

    static const char *const  states[] = {
        "free", "held", "sent", "streaming", "final", "durable", "failed"
    };

    ai_api_json_member_int(b, "running", ai_apictl_running_requests(p));

    ai_api_json_key(b, "slots");
    ai_api_json_begin(b, '{');

    for (i = 0; i < ai_api_nelts(states); i++) {
        ai_api_json_member_int(b, states[i], p->states[i]);
    }

    ai_api_json_end(b, '}');

    ai_api_json_member_int(b, "workers", p->lanes);
    ai_api_json_member_int(b, "workersMax", p->lanes_max);
    ai_api_json_member_int(b, "heldTokens", p->held_tokens);
    ai_api_print_money(b, "heldCost", p->held_nano);
    ai_api_json_member_int(b, "crashed", (int64_t) p->crashed);
    ai_api_json_member_int(b, "failed", (int64_t) p->failed);
    ai_api_json_member_int(b, "replays", (int64_t) p->replays);

    ai_api_json_key(b, "limitNotices");
    ai_api_json_begin(b, '{');
    ai_api_json_member_int(b, "at80", (int64_t) p->notices_80);
    ai_api_json_member_int(b, "at100", (int64_t) p->notices_100);
    ai_api_json_member_int(b, "overruns", (int64_t) p->overruns);
    ai_api_json_end(b, '}');

    if (p->rc == AI_API_OK) {
        ai_api_json_member_null(b, "commitError");

    } else {
        ai_api_json_member_z(b, "commitError", ai_api_strerror(p->rc));
    }
}
