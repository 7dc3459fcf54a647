-- Version 7: what of a block some client never does, when it was first seen, and counts of blocks against the rules.

ALTER TABLE blocks ADD COLUMN signs BIGINT;         -- bits, as fingerprint::Signs has them; null: not worked out
ALTER TABLE blocks ADD COLUMN first_seen_ms BIGINT; -- milliseconds since 1970; null: not seen when it was new

ALTER TABLE epoch_counts ADD COLUMN signs_known BIGINT NOT NULL DEFAULT 0;       -- blocks with signs, orphaned ones left out
ALTER TABLE epoch_counts ADD COLUMN all_ruled_out BIGINT NOT NULL DEFAULT 0;     -- of these, built by no client known
ALTER TABLE epoch_counts ADD COLUMN verdict_ruled_out BIGINT NOT NULL DEFAULT 0; -- of these, not built by the client of the verdict

ALTER TABLE coarse_counts ADD COLUMN signs_known BIGINT NOT NULL DEFAULT 0;
ALTER TABLE coarse_counts ADD COLUMN all_ruled_out BIGINT NOT NULL DEFAULT 0;
ALTER TABLE coarse_counts ADD COLUMN verdict_ruled_out BIGINT NOT NULL DEFAULT 0;
