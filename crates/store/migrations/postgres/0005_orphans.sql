-- Version 5: orphaned blocks in order. Few: about one in two hundred.

CREATE INDEX blocks_orphaned ON blocks (slot, id) WHERE canonical = 2;
