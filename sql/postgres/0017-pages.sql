-- What is listed a page at a time is found by its state or node and comes in the order of its number.
CREATE INDEX command_in_order ON command (node, id);
CREATE INDEX sim_by_state ON sim (state, id);
CREATE INDEX approval_in_order ON approval (state, id);
DROP INDEX cert_request_by_state;
CREATE INDEX cert_request_by_state ON cert_request (state, id);
