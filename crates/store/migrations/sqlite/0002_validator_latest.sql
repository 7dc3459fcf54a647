-- Version 2: the newest block of every proposer.

CREATE TABLE validator_latest (
    proposer_index INTEGER PRIMARY KEY,
    block_id BIGINT NOT NULL,
    best_guess BIGINT NOT NULL
);

INSERT INTO validator_latest (proposer_index, block_id, best_guess)
SELECT b.proposer_index, b.id, b.best_guess
FROM blocks b
JOIN (SELECT proposer_index, MAX(id) AS id FROM blocks GROUP BY proposer_index) newest ON newest.id = b.id;
