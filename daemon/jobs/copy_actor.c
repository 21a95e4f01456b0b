#include "daemon/jobs/copy_actor.h"

#include "base/clock.h"
#include "daemon/accounts.h"
#include "daemon/daemon.h"
#include "daemon/iam.h"
#include "daemon/identities.h"

enum { SCRATCH_BYTES = 1024 * 1024 };

static struct span copied(struct arena *arena, struct span text)
{
    return span_present(text) ? arena_copy(arena, text) : SPAN_ABSENT;
}

bool copy_actor_of(const struct request *request, struct arena *arena, struct copy_actor *ret_actor,
    struct span *ret_token)
{
    const struct identity *identity = request->identity;
    if (identity == NULL)
        return false;
    /* GetSessionToken gives users and roots sessions of their own. */
    bool by_token =
        identity->is_temporary && (identity->has_session || span_present(identity->role_name) ||
                                      (!identity->is_root && !span_present(identity->user_name)));
    *ret_actor = (struct copy_actor){.arn = copied(arena, identity->principal.arn),
        .unique_id = copied(arena, identity->principal.unique_id),
        .account_id = identity->account_id,
        .session_key = by_token ? copied(arena, identity->access_key) : SPAN_ABSENT,
        .peer = copied(arena, request->peer),
        .user_agent = copied(arena, request_header(request, SPAN("user-agent"))),
        .tls_version = copied(arena, request->tls_version),
        .secure = request->secure};
    *ret_token = by_token ? request->auth.session_token : SPAN_ABSENT;
    return !arena->overflow;
}

bool copy_actor_is(const struct copy_actor *actor, const struct copy_actor *other)
{
    return actor->account_id == other->account_id && span_eq(actor->arn, other->arn) &&
           span_eq(actor->unique_id, other->unique_id) &&
           span_present(actor->session_key) == span_present(other->session_key);
}

void copy_who_init(
    struct copy_who *who, struct daemon *daemon, const struct copy_actor *actor, struct span token)
{
    *who = (struct copy_who){.daemon = daemon, .actor = actor, .token = token};
    if (pthread_mutex_init(&who->lock, NULL) != 0)
        abort();
}

void copy_who_free(struct copy_who *who)
{
    identity_unref(TAKE(who->identity));
    pthread_mutex_destroy(&who->lock);
}

/* ---- by ARN ---- */

/* A user without an active key is disabled: nothing could be asked for in its name. */
static enum copy_actor_err check_keys(struct copy_who *who, const struct identity *identity)
{
    struct arena scratch;
    struct iam_key *keys = NULL;
    size_t count = 0;
    bool active = false;
    arena_init(&scratch, SCRATCH_BYTES);
    struct iam_call call = {
        .iam = who->daemon->iam, .account = identity->account_id, .arena = &scratch};
    enum iam_err err = iam_key_list(&call, identity->user_name, &keys, &count);
    for (size_t i = 0; err == IAM_OK && i < count; i++)
        active |= keys[i].active;
    arena_free(&scratch);
    if (err == IAM_BUSY || err == IAM_FAILED)
        return COPY_ACTOR_BUSY;
    return active ? COPY_ACTOR_OK : COPY_ACTOR_GONE;
}

static bool account_is_there(const struct daemon *daemon, uint64_t account_id)
{
    struct account account;
    return account_id == ROOT_ACCOUNT_ID ||
           (daemon->accounts != NULL && accounts_get(daemon->accounts, account_id, &account));
}

static enum copy_actor_err by_arn(struct copy_who *who, const struct identity **ret_identity)
{
    const struct copy_actor *actor = who->actor;
    const struct identity *identity = NULL;
    enum s3_err err = identities_by_arn(who->daemon->identities, actor->arn, &identity);
    if (err != S3_OK)
        return err == S3_ERR_INVALID_ACCESS_KEY_ID ? COPY_ACTOR_GONE : COPY_ACTOR_BUSY;
    enum copy_actor_err result = COPY_ACTOR_OK;
    /* Another user of the same name is somebody else. */
    if (!span_eq(identity->principal.unique_id, actor->unique_id) ||
        !account_is_there(who->daemon, actor->account_id))
        result = COPY_ACTOR_GONE;
    else if (!identity->is_root)
        result = check_keys(who, identity);
    if (result == COPY_ACTOR_OK)
        *ret_identity = identity;
    else
        identity_unref(identity);
    return result;
}

/* ---- by token ---- */

static enum copy_actor_err by_token(struct copy_who *who, const struct identity **ret_identity)
{
    struct span secret;
    enum s3_err err = identities_find(who->daemon->identities, who->actor->session_key, who->token,
        clock_unix_ms() / 1000, ret_identity, &secret);
    if (err == S3_OK)
        return COPY_ACTOR_OK;
    if (err == S3_ERR_EXPIRED_TOKEN)
        return COPY_ACTOR_EXPIRED;
    return err == S3_ERR_INVALID_ACCESS_KEY_ID || err == S3_ERR_INVALID_TOKEN ? COPY_ACTOR_GONE
                                                                              : COPY_ACTOR_BUSY;
}

enum copy_actor_err copy_who_get(struct copy_who *who, const struct identity **ret_identity)
{
    enum copy_actor_err err = COPY_ACTOR_OK;
    if (span_present(who->actor->session_key)) /* identities.c keeps it, and looks at the clock */
        return by_token(who, ret_identity);
    pthread_mutex_lock(&who->lock);
    /* Read before the records are: what changes while it is resolved makes it old at once. */
    uint64_t generation = iam_generation(who->daemon->iam);
    if (who->identity == NULL || who->generation != generation) {
        identity_unref(TAKE(who->identity));
        err = by_arn(who, &who->identity);
        who->generation = generation;
    }
    if (err == COPY_ACTOR_OK)
        *ret_identity = identity_ref(who->identity);
    pthread_mutex_unlock(&who->lock);
    return err;
}

enum copy_actor_err copy_who_begin(struct copy_who *who, struct request *request)
{
    request_init(request, who->daemon);
    request->made_here = true;
    const struct copy_actor *actor = who->actor;
    enum copy_actor_err err = copy_who_get(who, &request->identity);
    if (err != COPY_ACTOR_OK)
        return err;
    bool first_root =
        request->identity->is_root && request->identity->account_id == ROOT_ACCOUNT_ID;
    request->principal =
        (struct principal){.kind = first_root ? PRINCIPAL_ROOT : PRINCIPAL_IDENTITY,
            .access_key = SPAN_ABSENT,
            .account_id = actor->account_id};
    request->auth = (struct sigv4_auth){.kind = SIGV4_HEADER,
        .region = who->daemon->region,
        .service = SPAN("s3"),
        .payload = SIGV4_PAYLOAD_UNSIGNED,
        .time_s = request->received_ms / 1000};
    request->peer = actor->peer;
    request->secure = actor->secure;
    request->tls_version = actor->tls_version;
    return COPY_ACTOR_OK;
}
