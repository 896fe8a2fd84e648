"""Towns that further stores stand in."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class City:
    """A town with the facts a store needs.

    Attributes:
        name: Its name.
        state: Postal abbreviation of the state.
        region: Sales region.
        time_zone: IANA name.
        area_code: Telephone area code.
        tax_basis_points: Sales tax in hundredths of a percent, roughly.
    """

    name: str
    state: str
    region: str
    time_zone: str
    area_code: str
    tax_basis_points: int


# Second and later stores of a town; the first carries the bare name of the town.
DISTRICTS: Final = (
    "", "North", "Harbor", "Westside", "Airport", "Old Town", "University", "Southgate", "Riverside",
    "Lakeview", "Market Street", "Hillcrest", "Mill Creek", "Parkway", "Station",
)  # fmt: skip

CITIES: Final = (
    City("Portland", "OR", "west", "America/Los_Angeles", "503", 0),
    City("Spokane", "WA", "west", "America/Los_Angeles", "509", 900),
    City("Tacoma", "WA", "west", "America/Los_Angeles", "253", 1030),
    City("Eugene", "OR", "west", "America/Los_Angeles", "541", 0),
    City("Boise", "ID", "west", "America/Boise", "208", 600),
    City("Sacramento", "CA", "west", "America/Los_Angeles", "916", 875),
    City("San Francisco", "CA", "west", "America/Los_Angeles", "415", 863),
    City("San Jose", "CA", "west", "America/Los_Angeles", "408", 938),
    City("Fresno", "CA", "west", "America/Los_Angeles", "559", 835),
    City("San Diego", "CA", "west", "America/Los_Angeles", "619", 775),
    City("Long Beach", "CA", "west", "America/Los_Angeles", "562", 1050),
    City("Reno", "NV", "west", "America/Los_Angeles", "775", 827),
    City("Las Vegas", "NV", "west", "America/Los_Angeles", "702", 838),
    City("Phoenix", "AZ", "southwest", "America/Phoenix", "602", 910),
    City("Tucson", "AZ", "southwest", "America/Phoenix", "520", 870),
    City("Albuquerque", "NM", "southwest", "America/Denver", "505", 763),
    City("Santa Fe", "NM", "southwest", "America/Denver", "505", 819),
    City("El Paso", "TX", "southwest", "America/Denver", "915", 825),
    City("Denver", "CO", "west", "America/Denver", "303", 915),
    City("Boulder", "CO", "west", "America/Denver", "303", 905),
    City("Salt Lake City", "UT", "west", "America/Denver", "801", 845),
    City("Austin", "TX", "southwest", "America/Chicago", "512", 825),
    City("Dallas", "TX", "southwest", "America/Chicago", "214", 825),
    City("Houston", "TX", "southwest", "America/Chicago", "713", 825),
    City("San Antonio", "TX", "southwest", "America/Chicago", "210", 825),
    City("Oklahoma City", "OK", "southwest", "America/Chicago", "405", 863),
    City("Tulsa", "OK", "southwest", "America/Chicago", "918", 852),
    City("Kansas City", "MO", "midwest", "America/Chicago", "816", 898),
    City("St. Louis", "MO", "midwest", "America/Chicago", "314", 968),
    City("Omaha", "NE", "midwest", "America/Chicago", "402", 700),
    City("Des Moines", "IA", "midwest", "America/Chicago", "515", 700),
    City("Minneapolis", "MN", "midwest", "America/Chicago", "612", 903),
    City("Duluth", "MN", "midwest", "America/Chicago", "218", 888),
    City("Madison", "WI", "midwest", "America/Chicago", "608", 550),
    City("Milwaukee", "WI", "midwest", "America/Chicago", "414", 790),
    City("Chicago", "IL", "midwest", "America/Chicago", "312", 1025),
    City("Naperville", "IL", "midwest", "America/Chicago", "630", 775),
    City("Indianapolis", "IN", "midwest", "America/Indiana/Indianapolis", "317", 700),
    City("Columbus", "OH", "midwest", "America/New_York", "614", 750),
    City("Cleveland", "OH", "midwest", "America/New_York", "216", 800),
    City("Cincinnati", "OH", "midwest", "America/New_York", "513", 780),
    City("Detroit", "MI", "midwest", "America/Detroit", "313", 600),
    City("Grand Rapids", "MI", "midwest", "America/Detroit", "616", 600),
    City("Louisville", "KY", "south", "America/Kentucky/Louisville", "502", 600),
    City("Nashville", "TN", "south", "America/Chicago", "615", 975),
    City("Memphis", "TN", "south", "America/Chicago", "901", 975),
    City("Birmingham", "AL", "south", "America/Chicago", "205", 1000),
    City("New Orleans", "LA", "south", "America/Chicago", "504", 1000),
    City("Atlanta", "GA", "south", "America/New_York", "404", 890),
    City("Savannah", "GA", "south", "America/New_York", "912", 700),
    City("Charlotte", "NC", "south", "America/New_York", "704", 725),
    City("Raleigh", "NC", "south", "America/New_York", "919", 725),
    City("Charleston", "SC", "south", "America/New_York", "843", 900),
    City("Jacksonville", "FL", "south", "America/New_York", "904", 750),
    City("Orlando", "FL", "south", "America/New_York", "407", 650),
    City("Tampa", "FL", "south", "America/New_York", "813", 750),
    City("Miami", "FL", "south", "America/New_York", "305", 700),
    City("Richmond", "VA", "south", "America/New_York", "804", 600),
    City("Baltimore", "MD", "northeast", "America/New_York", "410", 600),
    City("Philadelphia", "PA", "northeast", "America/New_York", "215", 800),
    City("Pittsburgh", "PA", "northeast", "America/New_York", "412", 700),
    City("Newark", "NJ", "northeast", "America/New_York", "973", 663),
    City("Albany", "NY", "northeast", "America/New_York", "518", 800),
    City("Buffalo", "NY", "northeast", "America/New_York", "716", 875),
    City("Hartford", "CT", "northeast", "America/New_York", "860", 635),
    City("Providence", "RI", "northeast", "America/New_York", "401", 700),
    City("Boston", "MA", "northeast", "America/New_York", "617", 625),
    City("Worcester", "MA", "northeast", "America/New_York", "508", 625),
    City("Manchester", "NH", "northeast", "America/New_York", "603", 0),
    City("Burlington", "VT", "northeast", "America/New_York", "802", 700),
)
