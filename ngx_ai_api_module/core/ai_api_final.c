/*
 * The final frame of an answer that is cut.
 */

#include "ai_api_final.h"


static void ai_api_final_text(ai_api_buf_t *b, const ai_api_final_t *f);


void
ai_api_final_frame(ai_api_buf_t *b, const ai_api_final_t *f)
{
    int64_t       ns;
    ai_api_buf_t  line;

    if (__builtin_mul_overflow(f->elapsed_ms, (int64_t) 1000000, &ns)) {
        ns = INT64_MAX;
    }

    /* a buffer of its own: the writer looks at the byte before */
    ai_api_buf_init(&line, b->max, b->mem);

    ai_api_json_begin(&line, '{');
    ai_api_json_member_str(&line, "model", &f->model);
    ai_api_json_member_time(&line, "created_at", f->now_ms);
    ai_api_final_text(&line, f);
    ai_api_json_member_z(&line, "done_reason", "length");
    ai_api_json_member_bool(&line, "done", 1);
    ai_api_json_member_int(&line, "total_duration", ns);
    ai_api_json_member_int(&line, "prompt_eval_count", f->prompt_tokens);
    ai_api_json_member_int(&line, "eval_count", f->completion_tokens);
    ai_api_json_end(&line, '}');
    ai_api_buf_char(&line, '\n');

    ai_api_buf_append(b, line.data, line.len);

    if (line.rc != AI_API_OK) {
        b->rc = line.rc;
    }

    ai_api_buf_free(&line);
}


/* The empty piece that Ollama's final frame has. */

static void
ai_api_final_text(ai_api_buf_t *b, const ai_api_final_t *f)
{
    if (f->endpoint == AI_API_EP_GENERATE
        || f->endpoint == AI_API_EP_API_GENERATE)
    {
        ai_api_json_member_z(b, "response", "");
        return;
    }

    ai_api_json_key(b, "message");
    ai_api_json_begin(b, '{');
    ai_api_json_member_z(b, "role", "assistant");
    ai_api_json_member_z(b, "content", "");
    ai_api_json_end(b, '}');
}
