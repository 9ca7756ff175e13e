/*
 * ai-apictl, the operator's command: what its files share.
 *
 * A command is a row of a table: its name, its options, a function.  Options
 * are parsed before it runs, and the store is opened, as its flags say; it
 * writes its answer to ctl->out and returns an exit code.
 *
 * Built from core only.  Works on the running store as the store's user: root
 * becomes that user before anything of the store is touched.
 */

#ifndef AI_APICTL_H
#define AI_APICTL_H


#include "ai_api_core.h"
#include "ai_api_buf.h"
#include "ai_api_crypto.h"
#include "ai_api_store.h"


/* Exit codes. */

#define AI_APICTL_OK        0
#define AI_APICTL_FAILED    1    /* refused, or a check found a difference */
#define AI_APICTL_USAGE     2    /* wrong options or arguments */
#define AI_APICTL_STORE     3    /* the store cannot be used */

/* What a command needs before it runs. */

#define AI_APICTL_F_OWNER   0x01     /* root becomes the store's user */
#define AI_APICTL_F_STORE   0x02     /* an open store; implies F_OWNER */
#define AI_APICTL_F_PEPPER  0x04     /* a pepper file is required */

#define AI_APICTL_OPTIONS   32       /* of a command, common ones too */
#define AI_APICTL_ACTOR     96       /* bytes of "ai-apictl:USER" and NUL */
#define AI_APICTL_COST      32
#define AI_APICTL_OUT       ((size_t) 1 << 30)


typedef struct ai_apictl_s  ai_apictl_t;

typedef struct {
    const char  *name;           /* long, without "--" */
    int          letter;         /* its short form, 0: none */
    const char  *arg;            /* the argument's name in help, NULL: none */
    const char  *help;
} ai_apictl_option_t;

/* Tables of options and of commands end with a row whose name is NULL. */

typedef struct {
    const char                *name;     /* "key create" */
    const char                *args;     /* "NAME", as help shows them */
    int                        min;      /* arguments besides options */
    int                        max;
    unsigned                   flags;
    int                      (*run)(ai_apictl_t *ctl, int argc, char **argv);
    const ai_apictl_option_t  *options;  /* NULL: only the common ones */
    const char                *help;     /* one line */
} ai_apictl_command_t;

struct ai_apictl_s {
    const ai_apictl_command_t  *command;
    const char                 *values[AI_APICTL_OPTIONS];
    const char                 *dir;         /* of the store, or NULL */
    const char                 *pepper_file; /* or NULL */
    ai_api_str_t                currency;
    unsigned                    json:1;
    unsigned                    help:1;
    unsigned                    became:1;    /* root was, is the owner now */
    char                        actor[AI_APICTL_ACTOR];
    char                        cost[AI_APICTL_COST];    /* "COST (CNY)" */

    ai_api_store_t             *store;       /* F_STORE */
    ai_api_reader_t            *reader;      /* in no transaction */
    ai_api_hmac_t              *pepper;      /* when a file was named */
    ai_api_buf_t                out;
};


/*
 * run() gets argv[0 … argc-1] without options.  The value of an option of
 * the command: NULL when it was not given, "" for one without argument.
 */
const char *ai_apictl_value(const ai_apictl_t *ctl, const char *name);

/* "ai-apictl: message" to stderr; returns code. */
int ai_apictl_error(int code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A failure of the store: "what: …", AI_APICTL_STORE. */
int ai_apictl_store_error(int rc, const char *what);


/* Appends to ctl->out, up to 1023 bytes at once. */
void ai_apictl_printf(ai_apictl_t *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Writes ctl->out to stdout and empties it; main does it at the end, a
 * command with much to say now and then.  AI_APICTL_OK, or AI_APICTL_FAILED
 * after a line on stderr (nobody reads, disk full).
 */
int ai_apictl_flush(ai_apictl_t *ctl);


/* Milliseconds since 1970. */
int64_t ai_apictl_now(void);


/* Opening: ai_apictl_open.c, _pepper.c.  Each returns an exit code. */

/* Root becomes the owner of data.mdb for good; others stay who they are. */
int ai_apictl_become_owner(ai_apictl_t *ctl);

/* Whose a new store in ctl->dir is: --user, else the directory's owner, else
 * who runs the command; root has to say it. */
typedef struct {
    uid_t  uid;
    gid_t  gid;
} ai_apictl_owner_t;

int ai_apictl_owner(ai_apictl_t *ctl, ai_apictl_owner_t *owner);

/* Root becomes this user for good, groups too. */
int ai_apictl_become(ai_apictl_t *ctl, uid_t uid, gid_t gid);

/* The store in dir with the map size that it has, whatever nginx's is. */
void ai_apictl_conf(ai_api_store_conf_t *conf, const char *dir);

/* ctl->store and ctl->reader; looks first whether the file is damaged. */
int ai_apictl_open(ai_apictl_t *ctl);

/* Gives the reader slot back.  The store is left to the end of the process:
 * mdb_env_close() of LMDB 0.9.26 to 0.9.31 can destroy locks in use. */
void ai_apictl_close(ai_apictl_t *ctl);

/* The bytes of a small file with a secret, at most 64 KiB, into b (which the
 * caller initialised, cleanses and frees); an empty one is refused. */
int ai_apictl_secret(const char *path, ai_api_buf_t *b);

/* ctl->pepper of ctl->pepper_file; one final newline is dropped. */
int ai_apictl_pepper(ai_apictl_t *ctl);

/* On the open store: refuses a pepper that made none of its keys, unless the
 * option "new-pepper" of the command says so. */
int ai_apictl_pepper_check(ai_apictl_t *ctl);


/* Options: ai_apictl_options.c. */

/* Splits argv into options and arguments; *argc arguments are left in argv.
 * AI_APICTL_OK or AI_APICTL_USAGE. */
int ai_apictl_parse(ai_apictl_t *ctl, int *argc, char **argv);

/* The same before a command is known: only common options, up to the first
 * argument. */
int ai_apictl_parse_common(ai_apictl_t *ctl, int *argc, char ***argv);

void ai_apictl_usage(ai_apictl_t *ctl, const ai_apictl_command_t *command);


#endif /* AI_APICTL_H */
