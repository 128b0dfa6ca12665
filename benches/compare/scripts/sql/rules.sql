-- The rules of the task as macros. DuckDB has SHA-256 but no HMAC, so an HMAC is computed from two
-- SHA-256, each over a block derived from the key.
CREATE MACRO token(inner_block, outer_block, text) AS
  '$prefix' || sha256(outer_block || unhex(sha256(inner_block || encode(text))));
CREATE MACRO endpoint_token(text) AS token($endpoint_inner, $endpoint_outer, text);
CREATE MACRO user_token(text) AS token($user_inner, $user_outer, text);
CREATE MACRO email_token(text) AS token($email_inner, $email_outer, lower(trim(text)));

CREATE MACRO masked(text) AS
  CASE WHEN length(text) > 4 THEN repeat('*', length(text) - 4) || right(text, 4)
       ELSE repeat('*', length(text)) END;

CREATE MACRO is_token(text) AS starts_with(text, '$prefix') AND regexp_full_match(text, '$token');

CREATE MACRO fault(channel, opt_out, address, id, country, user_id) AS CASE
  WHEN channel IS NULL OR channel NOT IN ($channels) THEN 'channel'
  WHEN opt_out IS NULL OR opt_out NOT IN ($opt_outs) THEN 'optout'
  WHEN address IS NULL OR length(address) NOT BETWEEN 1 AND 512
    OR (channel = 'EMAIL' AND NOT regexp_full_match(address, '$email'))
    OR (channel IN ('SMS', 'VOICE') AND NOT regexp_full_match(address, '$phone')) THEN 'address'
  WHEN id IS NULL OR length(id) NOT BETWEEN 1 AND 100 OR is_token(id) THEN 'id'
  WHEN NOT regexp_full_match(country, '$country') THEN 'country'
  WHEN user_id IS NULL OR length(user_id) NOT BETWEEN 1 AND 128 OR is_token(user_id) THEN 'userid'
END;
