#include "ai_api_json_keys.h"


/* Up to this many keys are compared one by one. */
#define AI_API_JSON_KEYS_FEW  8

#define ai_api_rotl64(x, b)   (((x) << (b)) | ((x) >> (64 - (b))))


typedef struct {
    uint32_t  hash;
    uint32_t  offset;      /* in keys->bytes */
    uint32_t  len;
} ai_api_json_entry_t;


static int ai_api_json_keys_find(const ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark, const ai_api_str_t *key,
    uint32_t hash);
static int ai_api_json_keys_equal(const ai_api_json_keys_t *keys,
    const ai_api_json_entry_t *e, const ai_api_str_t *key, uint32_t hash);
static int ai_api_json_keys_index(ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark, uint32_t hash);
static int ai_api_json_keys_reindex(ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark, uint32_t size);
static void ai_api_json_keys_slot(uint32_t *slots, uint32_t size,
    uint32_t hash, uint32_t i);
static int ai_api_json_stack_grow(const ai_api_mem_t *mem,
    ai_api_json_stack_t *stack, size_t elt, uint32_t n);
static uint32_t ai_api_json_hash(uint64_t seed, const u_char *p, size_t len);
static void ai_api_json_sipround(uint64_t *v);


void
ai_api_json_keys_init(ai_api_json_keys_t *keys, uint64_t seed,
    const ai_api_mem_t *mem)
{
    memset(keys, 0, sizeof(ai_api_json_keys_t));

    keys->seed = seed;
    keys->mem = mem;
}


void
ai_api_json_keys_free(ai_api_json_keys_t *keys)
{
    ai_api_free(keys->mem, keys->bytes.data);
    ai_api_free(keys->mem, keys->entries.data);
    ai_api_free(keys->mem, keys->slots.data);

    ai_api_json_keys_init(keys, keys->seed, keys->mem);
}


void
ai_api_json_keys_open(const ai_api_json_keys_t *keys,
    ai_api_json_keys_mark_t *mark)
{
    mark->bytes = keys->bytes.n;
    mark->entries = keys->entries.n;
    mark->slots = keys->slots.n;
}


void
ai_api_json_keys_close(ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark)
{
    keys->bytes.n = mark->bytes;
    keys->entries.n = mark->entries;
    keys->slots.n = mark->slots;
}


int
ai_api_json_keys_add(ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark, const ai_api_str_t *key)
{
    int                   rc;
    uint32_t              hash;
    ai_api_json_entry_t  *e;

    hash = ai_api_json_hash(keys->seed, key->data, key->len);

    if (ai_api_json_keys_find(keys, mark, key, hash)) {
        return AI_API_EXISTS;
    }

    if (keys->entries.n - mark->entries >= AI_API_JSON_MEMBERS_MAX
        || key->len > AI_API_JSON_KEYS_MAX - keys->bytes.n)
    {
        return AI_API_OVERFLOW;
    }

    rc = ai_api_json_stack_grow(keys->mem, &keys->bytes, 1, key->len);
    if (rc != AI_API_OK) {
        return rc;
    }

    rc = ai_api_json_stack_grow(keys->mem, &keys->entries,
                                sizeof(ai_api_json_entry_t), 1);
    if (rc != AI_API_OK) {
        return rc;
    }

    e = (ai_api_json_entry_t *) keys->entries.data + keys->entries.n;
    e->hash = hash;
    e->offset = keys->bytes.n;
    e->len = key->len;

    if (key->len != 0) {
        memcpy((u_char *) keys->bytes.data + keys->bytes.n, key->data,
               key->len);
    }

    keys->bytes.n += key->len;
    keys->entries.n++;

    return ai_api_json_keys_index(keys, mark, hash);
}


static int
ai_api_json_keys_find(const ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark, const ai_api_str_t *key,
    uint32_t hash)
{
    uint32_t                    i, n, mask;
    const uint32_t             *slots;
    const ai_api_json_entry_t  *e;

    n = keys->slots.n - mark->slots;

    if (n == 0) {

        for (i = mark->entries; i < keys->entries.n; i++) {
            e = (ai_api_json_entry_t *) keys->entries.data + i;

            if (ai_api_json_keys_equal(keys, e, key, hash)) {
                return 1;
            }
        }

        return 0;
    }

    slots = (uint32_t *) keys->slots.data + mark->slots;
    mask = n - 1;

    for (i = hash & mask; slots[i] != 0; i = (i + 1) & mask) {
        e = (ai_api_json_entry_t *) keys->entries.data + mark->entries
            + slots[i] - 1;

        if (ai_api_json_keys_equal(keys, e, key, hash)) {
            return 1;
        }
    }

    return 0;
}


static int
ai_api_json_keys_equal(const ai_api_json_keys_t *keys,
    const ai_api_json_entry_t *e, const ai_api_str_t *key, uint32_t hash)
{
    if (e->hash != hash || e->len != key->len) {
        return 0;
    }

    return key->len == 0
           || memcmp((u_char *) keys->bytes.data + e->offset, key->data,
                     key->len) == 0;
}


/* The last entry into the hash slots, once there are enough keys for it. */

static int
ai_api_json_keys_index(ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark, uint32_t hash)
{
    uint32_t  n, size;

    n = keys->entries.n - mark->entries;
    size = keys->slots.n - mark->slots;

    if (n <= AI_API_JSON_KEYS_FEW) {
        return AI_API_OK;
    }

    if (n > size / 2) {
        return ai_api_json_keys_reindex(keys, mark,
                                        size ? size * 2
                                             : AI_API_JSON_KEYS_FEW * 4);
    }

    ai_api_json_keys_slot((uint32_t *) keys->slots.data + mark->slots, size,
                          hash, n);

    return AI_API_OK;
}


static int
ai_api_json_keys_reindex(ai_api_json_keys_t *keys,
    const ai_api_json_keys_mark_t *mark, uint32_t size)
{
    int                   rc;
    uint32_t              i, n, *slots;
    ai_api_json_entry_t  *e;

    keys->slots.n = mark->slots;

    rc = ai_api_json_stack_grow(keys->mem, &keys->slots, sizeof(uint32_t),
                                size);
    if (rc != AI_API_OK) {
        return rc;
    }

    slots = (uint32_t *) keys->slots.data + mark->slots;
    memset(slots, 0, size * sizeof(uint32_t));
    keys->slots.n += size;

    n = keys->entries.n - mark->entries;
    e = (ai_api_json_entry_t *) keys->entries.data + mark->entries;

    for (i = 0; i < n; i++) {
        ai_api_json_keys_slot(slots, size, e[i].hash, i + 1);
    }

    return AI_API_OK;
}


static void
ai_api_json_keys_slot(uint32_t *slots, uint32_t size, uint32_t hash,
    uint32_t i)
{
    uint32_t  k;

    k = hash & (size - 1);

    while (slots[k] != 0) {
        k = (k + 1) & (size - 1);
    }

    slots[k] = i;
}


static int
ai_api_json_stack_grow(const ai_api_mem_t *mem, ai_api_json_stack_t *stack,
    size_t elt, uint32_t n)
{
    void      *data;
    uint32_t   size;

    if (n <= stack->size - stack->n) {
        return AI_API_OK;
    }

    size = ai_api_max(stack->size * 2, stack->n + n);
    size = ai_api_max(size, 64);

    data = ai_api_alloc(mem, size * elt);
    if (data == NULL) {
        return AI_API_NOMEM;
    }

    if (stack->n != 0) {
        memcpy(data, stack->data, stack->n * elt);
    }

    ai_api_free(mem, stack->data);

    stack->data = data;
    stack->size = size;

    return AI_API_OK;
}


/* SipHash-1-3 of a whole key; the second half of its key is derived. */

static uint32_t
ai_api_json_hash(uint64_t seed, const u_char *p, size_t len)
{
    size_t    i, n;
    uint64_t  m, k, v[4];

    k = (seed ^ 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;

    v[0] = seed ^ 0x736f6d6570736575;
    v[1] = k ^ 0x646f72616e646f6d;
    v[2] = seed ^ 0x6c7967656e657261;
    v[3] = k ^ 0x7465646279746573;

    n = len & ~(size_t) 7;

    for (i = 0; i < n; i += 8) {
        memcpy(&m, p + i, 8);
        v[3] ^= m;
        ai_api_json_sipround(v);
        v[0] ^= m;
    }

    m = (uint64_t) len << 56;

    for ( /* void */ ; i < len; i++) {
        m |= (uint64_t) p[i] << 8 * (i - n);
    }

    v[3] ^= m;
    ai_api_json_sipround(v);
    v[0] ^= m;

    v[2] ^= 0xff;
    ai_api_json_sipround(v);
    ai_api_json_sipround(v);
    ai_api_json_sipround(v);

    m = v[0] ^ v[1] ^ v[2] ^ v[3];

    return (uint32_t) (m ^ m >> 32);
}


static void
ai_api_json_sipround(uint64_t *v)
{
    v[0] += v[1];
    v[1] = ai_api_rotl64(v[1], 13) ^ v[0];
    v[0] = ai_api_rotl64(v[0], 32);

    v[2] += v[3];
    v[3] = ai_api_rotl64(v[3], 16) ^ v[2];

    v[0] += v[3];
    v[3] = ai_api_rotl64(v[3], 21) ^ v[0];

    v[2] += v[1];
    v[1] = ai_api_rotl64(v[1], 17) ^ v[2];
    v[2] = ai_api_rotl64(v[2], 32);
}
