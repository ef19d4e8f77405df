-- What is listed a page at a time is found by its state or node and comes in the order of its number. (cert_request has such an index already.)
CREATE INDEX command_in_order ON command (node);
CREATE INDEX sim_by_state ON sim (state);
CREATE INDEX approval_in_order ON approval (state);
