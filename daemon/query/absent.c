/* What nobody here can have, and clients ask about all the same, mostly before they delete something: empty
 * lists, and login profiles that do not exist. */
#include "daemon/query.h"

static enum s3_err empty_list(struct request *request, struct span list)
{
    struct buf *out = query_begin(request);
    xml_open(out, list);
    xml_close(out, list);
    query_page_end(out, false, SPAN_ABSENT);
    return query_end(request);
}

/* Of an account. */
static enum s3_err nothing_here(struct request *request, struct span list)
{
    (void)query_page(request);
    TRY(query_check(request));
    TRY(query_allow(request, SPAN_ABSENT));
    return empty_list(request, list);
}

enum s3_err query_list_account_aliases(struct request *request)
{
    return nothing_here(request, SPAN("AccountAliases"));
}

enum s3_err query_list_virtual_mfa_devices(struct request *request)
{
    (void)param_text(&request->query->params, PARAM_AssignmentStatus);
    return nothing_here(request, SPAN("VirtualMFADevices"));
}

/* Of a user, the caller's own when none is named. */
static enum s3_err nothing_of_user(struct request *request, struct span list)
{
    struct span name;
    struct iam_entity user;
    (void)query_page(request);
    TRY(query_user_name(request, &name));
    if (span_present(name))
        TRY(query_target(request, IAM_USER, name, &user));
    else
        TRY(query_allow(request, query_root_arn(request)));
    return empty_list(request, list);
}

enum s3_err query_list_mfa_devices(struct request *request)
{
    return nothing_of_user(request, SPAN("MFADevices"));
}

enum s3_err query_list_ssh_public_keys(struct request *request)
{
    return nothing_of_user(request, SPAN("SSHPublicKeys"));
}

enum s3_err query_list_signing_certificates(struct request *request)
{
    return nothing_of_user(request, SPAN("Certificates"));
}

enum s3_err query_list_service_specific_credentials(struct request *request)
{
    return nothing_of_user(request, SPAN("ServiceSpecificCredentials"));
}

enum s3_err query_list_instance_profiles_for_role(struct request *request)
{
    struct span name = param_required(&request->query->params, PARAM_RoleName);
    (void)query_page(request);
    TRY(query_check(request));
    struct iam_entity role;
    TRY(query_target(request, IAM_ROLE, name, &role));
    return empty_list(request, SPAN("InstanceProfiles"));
}

/* ---- passwords ---- */

static enum s3_err no_login_profile(struct request *request)
{
    struct span name;
    struct iam_entity user;
    TRY(query_user_name(request, &name));
    if (span_present(name))
        TRY(query_target(request, IAM_USER, name, &user));
    else
        TRY(query_allow(request, query_root_arn(request)));
    return FAIL(request, NO_SUCH_ENTITY,
        arena_format(&request->arena, "Login Profile for User %.*s cannot be found.",
            SPAN_ARG(span_present(name) ? name : SPAN("root")))
            .ptr);
}

enum s3_err query_get_login_profile(struct request *request)
{
    return no_login_profile(request);
}

enum s3_err query_delete_login_profile(struct request *request)
{
    return no_login_profile(request);
}
