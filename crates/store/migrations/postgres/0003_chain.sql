-- Version 3: how far a chain was followed, and why gaps are there.

CREATE TABLE chain_marks (
    name TEXT NOT NULL PRIMARY KEY,   -- 'head', 'finalized', or 'start': the final block where following began first
    slot BIGINT NOT NULL,
    block_root BYTEA NOT NULL
);

CREATE TABLE gap_notes (
    start_slot BIGINT PRIMARY KEY,
    end_slot BIGINT NOT NULL,
    cause BIGINT NOT NULL,            -- 0 not wanted, 1 pruned, 2 refused, 3 unreachable, 4 contradicted, 5 bad data
    detail TEXT NOT NULL,
    tries BIGINT NOT NULL,
    last_try BIGINT NOT NULL,         -- Unix time in seconds
    next_try BIGINT                   -- null: not tried again
);

-- Blocks that the next head or finality may give another state. Few: those since the last final one.
CREATE INDEX blocks_unsettled ON blocks (slot) WHERE canonical = 1;

-- Blocks far above their parents, which the search around a slot would miss.
CREATE INDEX blocks_long_links ON blocks (slot) WHERE slot - parent_slot > 64;
