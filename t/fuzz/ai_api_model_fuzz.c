#include <stdlib.h>

#include "ai_api_model.h"


/* A canonical name is its own canonical name, and matches itself. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ai_api_str_t    s, name;
    ai_api_model_t  m, again;

    s.data = data;
    s.len = size;

    (void) ai_api_model_pattern_check(&s);

    if (ai_api_model_parse(&m, &s) != AI_API_OK) {
        return 0;
    }

    name = ai_api_model_name(&m);

    if (name.len == 0 || name.len > AI_API_MODEL_MAX
        || ai_api_model_parse(&again, &name) != AI_API_OK
        || again.len != m.len || memcmp(again.text, m.text, m.len) != 0
        || again.cloud != m.cloud
        || !ai_api_model_match(&m, &s) || !ai_api_model_match(&m, &name))
    {
        abort();
    }

    return 0;
}
