"""Names of objects seen from above that no scene here shows: the subject of expressions that mean nothing."""

# Classes with which a thing of that name could be confused -> names.
_RIVALS = {
    "": (
        "golf course, wind turbine, church tower, football stadium, baseball field, baseball diamond, bridge over "
        "the river, railway bridge, train at the station, train station, railway track, freight train, roundabout, "
        "motorway overpass, highway interchange, lighthouse, windmill, waterfall, volcano, glacier, running track, "
        "race track, roller coaster, ferris wheel, amusement park, cemetery, solar farm, radio telescope, open pit "
        "mine, landfill, castle, pyramid, obelisk, statue, amphitheatre, ski slope, snow field, zebra crossing, "
        "hot air balloon, elephant, herd of cows, camp site, playground slide, velodrome, large parking garage"
    ),
    "vehicle": "locomotive, toll station, bus, bus station, excavator, tractor, tanker truck",
    "ship": (
        "dam, iceberg, oil rig, offshore platform, submarine, pier, boats at the pier, harbor crane, shipyard, marina"
    ),
    "ship, vehicle": "container terminal, ferry dock",
    "tennis court, basketball court": (
        "soccer field, football pitch, ice rink, volleyball court, badminton court, skate park"
    ),
    "storage tank": "power plant, cooling tower, nuclear reactor, telescope dome, missile silo, refinery, grain silo",
    "storage tank, vehicle": "gas station",
    "swimming pool": "fountain, water slide",
    "aircraft": "helicopter, helipad, space rocket, airport runway, control tower, airport terminal, hangar",
    "aircraft, ship": "aircraft carrier",
    "building": "solar panel array, electricity pylon, greenhouse",
}

ABSENT_OBJECTS: dict[str, frozenset[str]] = {
    name: frozenset(rivals.split(", ")) - {""} for rivals, names in _RIVALS.items() for name in names.split(", ")
}
"""Name -> the classes that have to be absent from a scene for the name to be certainly absent."""
