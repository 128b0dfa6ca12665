-- A view, so each output reads the file again: as fast as a table, with half the memory.
CREATE TEMP VIEW judged AS
SELECT *, fault(ChannelType, OptOut, Address, Id, "Location.Country", "User.UserId") AS reason
FROM read_csv('$input', header = true, all_varchar = true, quote = '"', delim = ',');

CREATE TEMP VIEW clean AS
SELECT * EXCLUDE ($dropped, reason) REPLACE (
  masked(Address) AS Address,
  endpoint_token(Id) AS Id,
  user_token("User.UserId") AS "User.UserId",
  email_token("User.UserAttributes.Email") AS "User.UserAttributes.Email",
  masked("User.UserAttributes.Phone") AS "User.UserAttributes.Phone")
FROM judged WHERE reason IS NULL;

CREATE TEMP VIEW rejects AS FROM judged WHERE reason IS NOT NULL;
