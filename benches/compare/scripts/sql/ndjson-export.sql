-- Attributes and Metrics are kept as JSON: a struct of all names, or a map, takes more time and memory.
CREATE TEMP TABLE judged AS
SELECT *, fault(ChannelType, OptOut, Address, Id, Location.Country, "User".UserId) AS reason
FROM read_json('$input', format = 'newline_delimited', columns = {
  ChannelType: 'VARCHAR', Address: 'VARCHAR', Id: 'VARCHAR', OptOut: 'VARCHAR',
  EndpointStatus: 'VARCHAR', EffectiveDate: 'VARCHAR', RequestId: 'VARCHAR',
  Location: 'STRUCT(Country VARCHAR, City VARCHAR, Region VARCHAR, PostalCode VARCHAR,
    Latitude DOUBLE, Longitude DOUBLE)',
  Demographic: 'STRUCT(AppVersion VARCHAR, Locale VARCHAR, Make VARCHAR, Model VARCHAR,
    ModelVersion VARCHAR, Platform VARCHAR, PlatformVersion VARCHAR, Timezone VARCHAR)',
  Attributes: 'JSON', Metrics: 'JSON',
  "User": 'STRUCT(UserId VARCHAR, UserAttributes STRUCT(FirstName VARCHAR[], LastName VARCHAR[],
    Email VARCHAR[], Phone VARCHAR[], Segment VARCHAR[]))'});

CREATE TEMP VIEW clean AS
SELECT ChannelType, masked(Address) AS Address, endpoint_token(Id) AS Id, OptOut, EndpointStatus,
  EffectiveDate, RequestId,
  {'Country': Location.Country, 'City': Location.City, 'Region': Location.Region,
    'Latitude': Location.Latitude, 'Longitude': Location.Longitude} AS Location,
  Demographic, Attributes, Metrics,
  {'UserId': user_token("User".UserId), 'UserAttributes': {
    'FirstName': "User".UserAttributes.FirstName, 'LastName': "User".UserAttributes.LastName,
    'Segment': "User".UserAttributes.Segment,
    'Email': CASE WHEN "User".UserAttributes.Email IS NOT NULL
      THEN [email_token("User".UserAttributes.Email[1])] END,
    'Phone': CASE WHEN "User".UserAttributes.Phone IS NOT NULL
      THEN [masked("User".UserAttributes.Phone[1])] END}} AS "User"
FROM judged WHERE reason IS NULL;

CREATE TEMP VIEW rejects AS FROM judged WHERE reason IS NOT NULL;
