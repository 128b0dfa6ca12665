CREATE TEMP TABLE judged AS
SELECT *, fault(ChannelType, OptOut, Address, Id, Location.Country, "User".UserId) AS reason
FROM read_json('$input', format = 'newline_delimited', columns = {
  ChannelType: 'VARCHAR', Address: 'VARCHAR', Id: 'VARCHAR', OptOut: 'VARCHAR',
  EndpointStatus: 'VARCHAR', EffectiveDate: 'VARCHAR',
  Location: 'STRUCT(Country VARCHAR, City VARCHAR, PostalCode VARCHAR)',
  Demographic: 'STRUCT(Timezone VARCHAR, Platform VARCHAR)',
  Attributes: 'STRUCT(Interests VARCHAR[])',
  "User": 'STRUCT(UserId VARCHAR, UserAttributes STRUCT(
    FirstName VARCHAR[], Email VARCHAR[], Phone VARCHAR[]))'});

CREATE TEMP VIEW clean AS
SELECT ChannelType, masked(Address) AS Address, endpoint_token(Id) AS Id, OptOut, EndpointStatus,
  EffectiveDate, {'Country': Location.Country, 'City': Location.City} AS Location, Demographic,
  Attributes,
  {'UserId': user_token("User".UserId), 'UserAttributes': {
    'FirstName': "User".UserAttributes.FirstName,
    'Email': [email_token("User".UserAttributes.Email[1])],
    'Phone': [masked("User".UserAttributes.Phone[1])]}} AS "User"
FROM judged WHERE reason IS NULL;

CREATE TEMP VIEW rejects AS FROM judged WHERE reason IS NOT NULL;
