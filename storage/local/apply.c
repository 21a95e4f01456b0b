#include "storage/local/apply.h"

static const struct {
    enum storage_err (*apply)(struct commit *commit, struct mutation *mutation);
    bool has_key;
    bool grows; /* refused when the reserve would be touched */
} kinds[] = {
    [MUTATION_CREATE_BUCKET] = {apply_create_bucket, false, true},
    [MUTATION_DELETE_BUCKET] = {apply_delete_bucket, false, false},
    [MUTATION_SET_VERSIONING] = {apply_set_versioning, false, false},
    [MUTATION_PUT_DOCUMENT] = {apply_put_document, false, true},
    [MUTATION_DELETE_DOCUMENT] = {apply_delete_document, false, false},
    [MUTATION_PUT_OBJECT] = {apply_put_object, true, true},
    [MUTATION_COPY_OBJECT] = {apply_copy_object, true, true},
    [MUTATION_DELETE_OBJECT] = {apply_delete_object, true, false},
    [MUTATION_CREATE_UPLOAD] = {apply_create_upload, true, true},
    [MUTATION_PUT_PART] = {apply_put_part, true, true},
    [MUTATION_COPY_PART] = {apply_copy_part, true, true},
    [MUTATION_COMPLETE_UPLOAD] = {apply_complete_upload, true, false},
    [MUTATION_ABORT_UPLOAD] = {apply_abort_upload, true, false},
    [MUTATION_CHANGE_RECORDS] = {apply_change_records, false, false}, /* see records_grow */
    [MUTATION_SET_METADATA] = {apply_set_metadata, true, true},
    [MUTATION_PUT_ZONES] = {apply_put_zones, false, true},
};

static enum storage_err apply_engine(struct commit *commit, struct mutation *mutation)
{
    struct engine_work *work = mutation->engine_data;
    return work->apply(work, commit);
}

enum storage_err mutation_apply(struct commit *commit, struct mutation *mutation)
{
    if (mutation->kind == MUTATION_ENGINE)
        return apply_engine(commit, mutation);
    mutation->zone_outcome = (struct zone_outcome){0};
    return kinds[mutation->kind].apply(commit, mutation);
}

static struct stage **stage_of(struct mutation *mutation)
{
    if (mutation->kind == MUTATION_PUT_OBJECT)
        return &mutation->put.stage;
    if (mutation->kind == MUTATION_PUT_PART)
        return &mutation->part.stage;
    return NULL;
}

void mutation_release_stage(struct mutation *mutation)
{
    struct stage **stage = stage_of(mutation);
    const struct zone_outcome *zone = &mutation->zone_outcome;
    if (!stage || !*stage)
        return;
    if (mutation->err == STORAGE_CHANGED && mutation->kind == MUTATION_PUT_OBJECT)
        return; /* the caller's again */
    bool in_use = mutation->err == STORAGE_OK && !zone->unchanged && !zone->linked;
    if (in_use && stage_extent(*stage))
        stage_adopt(*stage);
    else
        stage_discard(*stage);
    *stage = NULL;
}

static const struct object_attributes *attributes_of(const struct mutation *mutation)
{
    switch (mutation->kind) {
    case MUTATION_PUT_OBJECT:
        return &mutation->put.attributes;
    case MUTATION_COPY_OBJECT:
        return &mutation->copy.attributes;
    case MUTATION_CREATE_UPLOAD:
        return &mutation->create_upload.attributes;
    case MUTATION_PUT_PART:
    case MUTATION_COPY_PART:
        return &mutation->part.attributes;
    case MUTATION_COMPLETE_UPLOAD:
        return &mutation->complete.attributes;
    case MUTATION_CREATE_BUCKET:
    case MUTATION_DELETE_BUCKET:
    case MUTATION_SET_VERSIONING:
    case MUTATION_PUT_DOCUMENT:
    case MUTATION_DELETE_DOCUMENT:
    case MUTATION_DELETE_OBJECT:
    case MUTATION_ABORT_UPLOAD:
    case MUTATION_ENGINE:
    case MUTATION_CHANGE_RECORDS:
    case MUTATION_SET_METADATA:
    case MUTATION_PUT_ZONES:
        break;
    }
    return NULL;
}

static bool key_is_valid(struct span key)
{
    return key.len > 0 && key.len <= STORAGE_KEY_MAX_BYTES &&
           span_find_char(key, '\0', 0) == SIZE_MAX;
}

static bool part_is_valid(const struct mutation *m)
{
    if (m->kind == MUTATION_PUT_PART || m->kind == MUTATION_COPY_PART)
        return m->part.number >= 1 && m->part.number <= STORAGE_PART_MAX;
    if (m->kind == MUTATION_COMPLETE_UPLOAD)
        return m->complete.part_count >= 1 && m->complete.part_count <= STORAGE_PART_MAX;
    return true;
}

static bool zones_are_valid(const struct mutation *m)
{
    bool kind_valid = m->zones.kind == DOCUMENT_ZONES || m->zones.kind == DOCUMENT_TAGGING;
    return kind_valid && m->zones.text.len <= STORAGE_DOCUMENT_MAX_BYTES &&
           (m->zones.keep_rules || zone_rules_valid(m->zones.rules, m->zones.count));
}

static bool arguments_are_valid(const struct mutation *m)
{
    const struct object_attributes *attributes = attributes_of(m);
    if (m->kind == MUTATION_CHANGE_RECORDS)
        return records_are_valid(m);
    if (m->bucket.name.len == 0 || m->bucket.name.len > BUCKET_NAME_MAX_BYTES)
        return false;
    if (kinds[m->kind].has_key && !key_is_valid(m->key))
        return false;
    if (attributes && (attributes->metadata.len > STORAGE_METADATA_MAX_BYTES ||
                          attributes->checksum.algo == DIGEST_MD5))
        return false;
    if (m->kind == MUTATION_CREATE_BUCKET && m->create_bucket.region.len > UINT8_MAX)
        return false;
    if (m->kind == MUTATION_SET_METADATA &&
        m->set_metadata.metadata.len > STORAGE_METADATA_MAX_BYTES)
        return false;
    if (m->kind == MUTATION_PUT_ZONES && !zones_are_valid(m))
        return false;
    if (m->kind == MUTATION_CREATE_BUCKET &&
        !zone_rules_valid(m->create_bucket.rules, m->create_bucket.rule_count))
        return false;
    if (m->kind == MUTATION_PUT_DOCUMENT && m->document.text.len > STORAGE_DOCUMENT_MAX_BYTES)
        return false;
    return part_is_valid(m);
}

/* Small bodies of objects go into the index with their record; a part never does. */
static bool is_for_index(const struct mutation *m, struct stage *stage)
{
    struct span bytes = stage_bytes(stage);
    if (m->kind != MUTATION_PUT_OBJECT || bytes.len == 0)
        return false;
    struct object_record record = {
        .is_inline = true,
        .has_side = m->put.attributes.metadata.len > SIDE_METADATA_BYTES,
        .inline_bytes = bytes,
        .attributes = m->put.attributes,
    };
    return m->key.len + schema_object_bytes(&record) < INLINE_RECORD_MAX_BYTES;
}

static bool grows(const struct mutation *m)
{
    return m->kind == MUTATION_CHANGE_RECORDS ? records_grow(m) : kinds[m->kind].grows;
}

enum storage_err mutation_prepare(struct storage *storage, struct mutation *m)
{
    if (m->kind == MUTATION_ENGINE)
        return STORAGE_OK;
    if ((size_t)m->kind >= ARRAY_LEN(kinds) || !arguments_are_valid(m))
        return STORAGE_INVALID;
    struct stage **stage = stage_of(m);
    m->result = (struct object_info){0};
    m->zone_outcome = (struct zone_outcome){0};
    /* A stage has asked for its room when it was opened. */
    if (grows(m) && !(stage && *stage) && space_short(storage->space, 0))
        return STORAGE_NO_SPACE;
    if (!stage || !*stage)
        return STORAGE_OK;
    return stage_finish(*stage); /* what failed before is no empty object */
}

struct stage *mutation_stage_to_place(struct mutation *m)
{
    struct stage **stage = stage_of(m);
    bool in_memory = stage && *stage && span_present(stage_bytes(*stage));
    return in_memory && !is_for_index(m, *stage) ? *stage : NULL;
}
