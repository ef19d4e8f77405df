-- Nothing to change here: a sequence gives no number twice.
COMMENT ON COLUMN cert_request.id IS 'never given again';
