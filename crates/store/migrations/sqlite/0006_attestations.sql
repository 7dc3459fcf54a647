-- Version 6: how many attestations a block has, and what each is made of.

ALTER TABLE blocks ADD COLUMN attestation_count BIGINT; -- null: not recorded

CREATE TABLE block_attestations (
    block_id INTEGER PRIMARY KEY REFERENCES blocks (id) ON UPDATE CASCADE ON DELETE CASCADE,
    packed BLOB NOT NULL              -- rows in block order, as store::attestations::packed says
);
