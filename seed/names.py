"""Made-up names. None is meant to be a real company or person."""

COMPANIES = (
    "Aurora Kältetechnik GmbH", "Birkenfeld Logistik KG", "Alpenblick Hotels AG", "Alpenblick Catering GmbH",
    "Alpenblick Events GmbH", "Cobalt Software Ltd", "Delphin Reederei", "Elbtal Maschinenbau GmbH",
    "Fjord Offshore AS", "Gelderland Bloemen BV", "Harbour View Clinics", "Iberia Textil SA", "Juniper Analytics Inc",
    "Kestrel Aviation Services", "Lumen Lichtplanung", "Maple Ridge Lumber", "Nordlicht Energie AG",
    "Obsidian Security Partners", "Pampas Foods SRL", "Quarzwerk Döbeln", "Riverside Dental Group",
    "Sonnenhof Pflegedienste", "Tidewater Brewing Co", "Umbra Film Produktion", "Vantage Point Consulting",
    "Westwind Verlag", "Xenial Travel", "Yukon Drilling", "Zimtstern Bäckereien", "Andes Café Export",
    "Blue Heron Shipping", "Copperfield Estates", "Drei Linden Apotheken", "Evergreen Facility Care",
    "Falkenstein Druck", "Granite Peak Construction", "Hollyhock Interiors", "Isar Feinmechanik",
)  # fmt: skip
PEOPLE = (
    "Johanna Weiß", "Tomás Herrera", "Priya Raman", "Lars Nyström", "Amélie Laurent", "Kofi Mensah", "Sofia Rossi",
    "Daniel O'Connor", "Yuki Tanaka", "Marta Kowalska", "Henrik Dahl", "Zeynep Yılmaz",
)  # fmt: skip
CITIES = (
    ("Lindenstrasse", "10969", "Berlin", "DE"), ("Quai des Bergues", "1201", "Genève", "CH"),
    ("Calle Mayor", "28013", "Madrid", "ES"), ("King Street", "M2 4WU", "Manchester", "GB"),
    ("Storgatan", "114 55", "Stockholm", "SE"), ("Avenida Paulista", "01310-100", "São Paulo", "BR"),
    ("Main Street", "97401", "Eugene", "US"), ("Rue de la République", "69002", "Lyon", "FR"),
)  # fmt: skip
FIRST_WORDS = (
    "Amber", "Atlas", "Beacon", "Birch", "Cedar", "Cobalt", "Delta", "Ember", "Falcon", "Fjord", "Garnet", "Harbour",
    "Indigo", "Jasper", "Kestrel", "Lumen", "Maple", "Nimbus", "Onyx", "Orchid", "Pioneer", "Quartz", "Raven",
    "Sierra", "Summit", "Tandem", "Umbra", "Vertex", "Willow", "Zenith",
)  # fmt: skip
SECOND_WORDS = (
    "Analytics", "Aviation", "Bakeries", "Brewing", "Clinics", "Components", "Construction", "Consulting", "Dental",
    "Dynamics", "Energy", "Estates", "Events", "Facilities", "Foods", "Freight", "Hotels", "Imaging", "Insurance",
    "Interiors", "Labs", "Logistics", "Machinery", "Media", "Networks", "Optics", "Outfitters", "Pharma", "Power",
    "Research", "Robotics", "Security", "Shipping", "Solar", "Systems", "Textiles", "Timber", "Travel", "Ventures",
)  # fmt: skip
FORMS = ("Ltd", "GmbH", "AG", "SA", "BV", "Inc", "LLP", "AB", "SRL", "KG")
