# The task without tokens, since jq has no hash functions. A reject is a record with a `reason`.

def matches($pattern): test("^\($pattern)$");

def is_new($most): length >= 1 and length <= $most and (matches("hmac:k1:[0-9a-f]{64}") | not);

def is_address($channel):
  length >= 1 and length <= 512
  and ($channel != "EMAIL" or matches("[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}"))
  and (($channel != "SMS" and $channel != "VOICE") or matches("\\+[1-9][0-9]{6,14}"));

def fault:
  .ChannelType as $channel | .OptOut as $opt_out
  | if ($channels | index($channel)) == null then "channel"
    elif $opt_out != "ALL" and $opt_out != "NONE" then "optout"
    elif .Address | is_address($channel) | not then "address"
    elif .Id | is_new(100) | not then "id"
    elif .Location.Country | . != null and (matches("[A-Z]{2}") | not) then "country"
    elif .User.UserId | is_new(128) | not then "userid"
    else null end;

def masked: length as $length | if $length > 4 then "*" * ($length - 4) + .[-4:] else "*" * $length end;

fault as $reason
| if $reason then .reason = $reason
  else
    .Address |= masked
    | (.User.UserAttributes.Phone | arrays) |= map(masked)
    | del(.Location.PostalCode, .ApplicationId, .CohortId, .CreationDate, .User.UserStatus)
  end
