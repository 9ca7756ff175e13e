/*
 * The end of an answer that is cut because its quota ran out: the final
 * frame that Ollama itself would send when num_predict is reached.
 *
 * Members and their order: Ollama's api/types.go (ChatResponse,
 * GenerateResponse, Metrics) and the recordings in t/data/wire.
 */

#ifndef AI_API_FINAL_H
#define AI_API_FINAL_H


#include "ai_api_buf.h"
#include "ai_api_route.h"


typedef struct {
    ai_api_endpoint_t   endpoint;        /* CHAT, GENERATE, native or not */
    ai_api_str_t        model;           /* as the client wrote it */
    int64_t             now_ms;          /* since 1970 */
    int64_t             elapsed_ms;
    int64_t             prompt_tokens;   /* as charged */
    int64_t             completion_tokens;
} ai_api_final_t;


/*
 * The NDJSON line with "done":true and "done_reason":"length", its LF too,
 * appended to b.  A failure stays in b->rc.
 */
void ai_api_final_frame(ai_api_buf_t *b, const ai_api_final_t *f);


#endif /* AI_API_FINAL_H */
