"""Buildings in the training mosaics of OAM-Ref that have no outline, as boxes marked by eye.

They cannot be meant by an expression, but whatever a scene's expressions say has to hold beside them: they may be the
leftmost, the blue one or the one that "no building in the upper half" overlooks. Sheds and canopies are marked freely.
"""

Box = tuple[int, int, int, int]

UNMAPPED_BUILDINGS: dict[str, tuple[Box, ...]] = {
    "zanzibar_tz_319292_270963": ((675, 765, 765, 820),),
    "zanzibar_tz_319293_270961": ((425, 170, 500, 250),),
    "zanzibar_tz_319293_270963": ((0, 150, 25, 205),),
    "zanzibar_tz_319294_270961": ((366, 210, 422, 257),),
    "zanzibar_tz_319294_270962": ((791, 665, 829, 690),),
    "zanzibar_tz_319294_270995": ((632, 469, 698, 563),),
    "zanzibar_tz_319295_270960": ((853, 41, 947, 145), (19, 480, 75, 565)),
    "zanzibar_tz_319295_270961": ((463, 370, 500, 425),),
    "zanzibar_tz_319298_270960": ((79, 647, 120, 684),),
    "zanzibar_tz_319298_270961": ((290, 338, 330, 360),),
    "zanzibar_tz_319299_270960": ((163, 446, 210, 470),),
    "kampala_ug_309612_261632": (
        (0, 947, 206, 1013),
        (896, 670, 938, 806),
        (624, 440, 660, 506),
        (671, 530, 709, 578),
        (722, 319, 778, 375),
        (909, 934, 947, 960),
    ),
    "kampala_ug_309612_261633": (
        (163, 169, 229, 234),
        (0, 525, 60, 585),
        (838, 534, 895, 619),
        (397, 675, 454, 750),
    ),
    "kampala_ug_309613_261632": ((765, 538, 821, 670), (797, 735, 825, 773), (356, 600, 390, 626)),
    "kampala_ug_309613_261633": ((97, 330, 250, 370), (710, 120, 765, 210), (0, 378, 180, 420)),
    "kampala_ug_309614_261632": (
        (159, 140, 253, 180),
        (75, 310, 215, 365),
        (328, 290, 420, 335),
        (446, 815, 492, 860),
    ),
    "kampala_ug_309614_261633": ((351, 319, 398, 422), (913, 281, 1016, 478)),
    "banepa_np_386697_220263": ((468, 80, 552, 151), (410, 190, 481, 235), (423, 428, 468, 454)),
    "banepa_np_386697_220264": ((79, 350, 154, 426), (9, 544, 79, 600)),
    "banepa_np_386698_220263": (
        (802, 334, 891, 394),
        (197, 628, 375, 769),
        (628, 619, 679, 709),
        (881, 844, 1016, 1013),
        (937, 544, 1005, 640),
    ),
    "banepa_np_386698_220264": ((965, 90, 1022, 206), (262, 825, 322, 900)),
}
"""Mosaic -> boxes (left, upper, right, lower) in pixels of the whole mosaic."""
