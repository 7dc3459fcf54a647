-- Version 4: the queue of gaps to fill. Times are milliseconds since 1970.

CREATE TABLE work_items (
    start_slot INTEGER PRIMARY KEY,
    end_slot BIGINT NOT NULL,
    attempts BIGINT NOT NULL,         -- how often it was taken
    taken_until BIGINT NOT NULL,      -- 0: nobody has it
    not_before BIGINT NOT NULL,
    last_failure TEXT
);
