-- Version 1: verdicts, models, evidence, the interval set of covered slots, counts per epoch.
-- An id is slot * 2^20 + the low 20 bits of the block root, so that rows lie in slot order.

CREATE TABLE clients (
    code BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);

INSERT INTO clients (code, name) VALUES
    (1, 'Grandine'), (2, 'Lighthouse'), (3, 'Lodestar'), (4, 'Nimbus'), (5, 'Other'), (6, 'Prysm'), (7, 'Teku');

CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    info TEXT NOT NULL
);

-- ON CONFLICT FAIL and the deferred reference spare SQLite a journal for every statement; an error rolls the whole
-- transaction back anyway.
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    block_root BLOB NOT NULL ON CONFLICT FAIL,
    root_origin BIGINT NOT NULL ON CONFLICT FAIL, -- 0 reported, 1 made up for a row imported without a root
    parent_root BLOB,
    slot BIGINT NOT NULL ON CONFLICT FAIL,
    parent_slot BIGINT NOT NULL ON CONFLICT FAIL,
    proposer_index BIGINT NOT NULL ON CONFLICT FAIL,
    best_guess BIGINT NOT NULL ON CONFLICT FAIL, -- clients.code, 0 is Uncertain
    best_guess_multi TEXT,            -- null: the same text as the single guess
    graffiti TEXT,
    graffiti_guess BIGINT,            -- clients.code
    canonical BIGINT NOT NULL ON CONFLICT FAIL, -- 0 unknown, 1 canonical, 2 orphaned, 3 finalized
    model_id BIGINT REFERENCES models (id) DEFERRABLE INITIALLY DEFERRED,
    pr_grandine DOUBLE PRECISION,     -- null: the model does not know the client
    pr_lighthouse DOUBLE PRECISION,
    pr_lodestar DOUBLE PRECISION,
    pr_nimbus DOUBLE PRECISION,
    pr_other DOUBLE PRECISION,
    pr_prysm DOUBLE PRECISION,
    pr_teku DOUBLE PRECISION
);

-- Roots and proposers are random, and an index on them alone would be written all over by every batch. Led by a
-- bucket of 262,144 slots (36 days), blocks that come in slot order stay within a few megabytes. A question without
-- a slot looks into each bucket.
CREATE UNIQUE INDEX blocks_by_root ON blocks (slot / 262144, block_root);
CREATE INDEX blocks_by_proposer ON blocks (slot / 262144, proposer_index);

CREATE TABLE slot_buckets (
    bucket INTEGER PRIMARY KEY        -- slot / 262144 of every stored block
);

CREATE INDEX blocks_labelled ON blocks (slot, graffiti_guess, best_guess) WHERE graffiti_guess IS NOT NULL;

CREATE INDEX blocks_imported ON blocks (id) WHERE root_origin = 1;

CREATE TABLE feature_sets (
    id INTEGER PRIMARY KEY,
    names TEXT NOT NULL UNIQUE        -- JSON array of feature names
);

CREATE TABLE evidence (
    block_id INTEGER PRIMARY KEY REFERENCES blocks (id) ON UPDATE CASCADE ON DELETE CASCADE,
    feature_set BIGINT NOT NULL REFERENCES feature_sets (id),
    feature_values BLOB NOT NULL      -- little-endian doubles, one for each name
);

CREATE TABLE coverage (
    start_slot INTEGER PRIMARY KEY,
    end_slot BIGINT NOT NULL,
    first_block BIGINT NOT NULL       -- the lowest slot of a stored block inside
);

INSERT INTO coverage (start_slot, end_slot, first_block) VALUES (0, 0, 0);

CREATE TABLE epoch_counts (
    epoch INTEGER PRIMARY KEY,
    uncertain BIGINT NOT NULL,
    grandine BIGINT NOT NULL,
    lighthouse BIGINT NOT NULL,
    lodestar BIGINT NOT NULL,
    nimbus BIGINT NOT NULL,
    other BIGINT NOT NULL,
    prysm BIGINT NOT NULL,
    teku BIGINT NOT NULL,
    orphaned BIGINT NOT NULL          -- blocks left out of the columns before
);

CREATE TABLE coarse_counts (
    bucket INTEGER PRIMARY KEY,       -- epoch / 256
    uncertain BIGINT NOT NULL,
    grandine BIGINT NOT NULL,
    lighthouse BIGINT NOT NULL,
    lodestar BIGINT NOT NULL,
    nimbus BIGINT NOT NULL,
    other BIGINT NOT NULL,
    prysm BIGINT NOT NULL,
    teku BIGINT NOT NULL,
    orphaned BIGINT NOT NULL
);

-- Rows of an imported file that do not fit the table of blocks unchanged, as they were.
CREATE TABLE imported_rows (
    id INTEGER PRIMARY KEY,
    source_row BIGINT NOT NULL,
    reason TEXT NOT NULL,
    block_root BLOB,                  -- null: not in the table of blocks at all
    original TEXT NOT NULL,           -- JSON object of the columns
    UNIQUE (source_row, original)
);

CREATE TABLE imports (
    source BLOB NOT NULL PRIMARY KEY,
    last_row BIGINT NOT NULL,         -- rows up to this one are in
    finished BIGINT NOT NULL
);

-- For people with an SQL shell: names instead of codes.
CREATE VIEW verdicts AS
SELECT b.slot, b.parent_slot, b.proposer_index, b.block_root, b.parent_root,
       COALESCE(c.name, 'Uncertain') AS best_guess_single,
       COALESCE(b.best_guess_multi, c.name, 'Uncertain') AS best_guess_multi,
       b.pr_grandine, b.pr_lighthouse, b.pr_lodestar, b.pr_nimbus, b.pr_other, b.pr_prysm, b.pr_teku,
       b.graffiti, g.name AS graffiti_guess, b.canonical, b.root_origin
FROM blocks b
LEFT JOIN clients c ON c.code = b.best_guess
LEFT JOIN clients g ON g.code = b.graffiti_guess;
