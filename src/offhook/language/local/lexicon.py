"""What people say on the phone, as data: the topics that they ask for, words that mean the same, words that
say little, and words that transcribers mistake for others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CONCEPTS: Final[Mapping[str, str]] = {
    "hours": "open opening close closing closed hours hour",
    "address": "address location located locate direction directions street avenue road",
    "price": "price pricing priced cost fee charge rate expensive cheap dollar buck euro pound",
    "insurance": "insurance insured insure coverage cover copay",
    "appointment": "appointment book booking reserve reservation schedule slot visit consultation",
    "cancel": "cancel cancellation cancelling reschedule",
    "refund": "refund return exchange",
    "phone": "phone telephone number",
    "email": "email mail",
    "website": "website web site online url",
    "parking": "park parking garage valet",
    "payment": "pay payment card cash credit debit check cheque installment financing",
    "delivery": "deliver delivery ship shipping",
    "language": "language spanish french german english italian portuguese chinese",
    "doctor": "doctor dentist physician hygienist dr",
    "emergency": "emergency emergencies urgent urgently",
    "service": "service offer provide treatment product menu sell",
    "pet": "pet dog cat animal puppy",
    "wheelchair": "wheelchair accessible accessibility ramp disabled handicapped",
    "wifi": "wifi wifey wireless internet",  # "wifey": how the local transcriber writes it
    "duration": "duration minute long",
    "complaint": "complain complaint ridiculous unacceptable terrible awful rude disappointed angry upset",
    "discount": "discount coupon promotion special deal",
    "documents": "paper document license id identification passport proof certificate",
    "job": "job hire hiring career vacancy employment",
}
"""What phone callers ask for, each with its words."""

NAMES: Final[Mapping[str, str]] = {
    "hours": "our opening hours",
    "address": "our address",
    "price": "prices",
    "insurance": "insurance",
    "appointment": "appointments",
    "cancel": "cancellations",
    "refund": "returns",
    "phone": "our phone number",
    "email": "our email address",
    "website": "our website",
    "parking": "parking",
    "payment": "payment",
    "delivery": "delivery",
    "language": "languages",
    "doctor": "our doctors",
    "emergency": "emergencies",
    "service": "what we offer",
    "pet": "pets",
    "wheelchair": "access by wheelchair",
    "wifi": "wireless internet",
}
"""How a concept is named to the caller."""

PHRASES: Final = (
    (r"how much(?! time)", "price"),
    (r"what does \w+(?: \w+){0,3} cost", "price"),
    (r"what do \w+(?: \w+){0,2} run", "price"),
    (r"(?:until )?what time (?:do|are|can|is|does)|how late|until when (?:are|do)|till when", "hours"),
    (r"when (?:are|do|does|is) (?:you|they|it|the \w+) (?:\w+ )?(?:open|close|there)", "hours"),
    (r"when (?:are|do) (?:you|they)(?: guys)?$", "hours"),
    (r"how (?:do|can|would) i get (?:to (?:you|there)|there)", "address"),
    (r"how to get (?:to (?:you|there)|there)|where (?:exactly )?(?:are|is) (?:you|your|this)", "address"),
    (r"how (?:do|can) i reach", "phone"),
    (r"(?:until|till) what time|what time$|until when$|till when$", "hours"),
    (r"(?:need|have|want me) to bring|(?:should|must|do) i bring", "documents"),
    (r"pay (?:you )?(?:up ?front|anything)", "price"),
    (r"how long|how soon|how quickly|how fast", "duration"),
    (r"(?:leave|put|stop) (?:my|the|a|our) (?:car|vehicle|truck)|(?:some|any)where to park", "parking"),
    (r"(?:speak|talk|habla) (?:any )?(?:spanish|french|german|english|italian)", "language"),
)
"""Phrases, as patterns over plain words, and the concept that each means."""

TOKENS: Final = (
    (r"wi[ -]?fi", "wifi"),
    (r"e[ -]mails?", "email"),
    (r"x[ -]?rays?", "xray"),
    (r"check(?:ing)?[ -]in(?: time)?", "checkin"),
    (r"check(?:ing)?[ -]out(?: time)?|leave the (?:hotel|room)", "checkout"),
    (r"check[ -]?ups?", "checkup"),
    (r"drive[ -](?:through|thru)", "drivethrough"),
    (r"(?:(?:call|ring|phone)(?:s|ing)?|get) (?:(?:me|you|us|them|him|her) )?back|return (?:my|the) call"
     r"|call[ -]?backs?", "callback"),
    (r"walk(?:ing)?[ -]ins?|(?:just )?walk in", "walkin"),
    (r"(?:gift|present) (?:cards?|certificates?)", "voucher"),
    (r"sign(?:ing|ed)?((?: \w+){0,2}) up|sign[ -]?up", r"register\1"),
    (r"(?:send|bring)(?:ing)?((?: \w+){0,2}) back", r"return\1"),
    (r"first[ -](?:visit|time|appointment)", "new"),
    (r"español|espanol|habla", "spanish"),
    (r"family law|divorce|custody", "familylaw"),
    (r"e-?books?", "ebook"),
    (r"(?:a|the|my|this|that|some|any) books?|books|library books?", "volume"),
    (r"drop(?:ping)? (?:(?:it|the \w+) )?off", "dropoff"),
    (r"car[ -]seats?|child[ -]seats?", "childseat"),
    (r"high[ -]?chairs?", "highchair"),
    (r"wheel chairs?", "wheelchair"),
    (r"gluten[ -]free", "glutenfree"),
    (r"pick(?:ed|ing)?((?: \w+){0,2}) up|pick[ -]?ups?", r"pickup\1"),
    (r"(?:nobody|no one|not|never|wont be|isnt|won't be|isn't) (?:is )?(?:at )?home", "nothome"),
    (r"a\.m\.?", "am"),
    (r"p\.m\.?", "pm"),
    (r"two[ -]bedrooms?", "2 bedroom"),
    (r"one[ -]bedrooms?", "1 bedroom"),
    (r"three[ -]bedrooms?", "3 bedroom"),
)  # fmt: skip
"""Words that are one, however they are written."""

SAME: Final = """\
car vehicle auto automobile
child kid children toddler infant baby son daughter boy girl
tooth teeth
absent sick ill absence absence
apartment flat condo
laundry wash washer washing laundromat dryer
buy purchase
parcel package packet
size big large small kilo kilos kg lb lbs heavy weigh weight tall
broken broke damaged defective malfunction
repair fix
try trial
guest friend
attorney lawyer
owner proprietor
found founder founded
prescription medication medicine pill refill
result results
lab test
restroom bathroom toilet washroom
pool swim swimming
smoke smoking cigarette
stolen lost lose steal missing
suspicious phishing hacked hack virus scam
change different modify
password passcode
reset forgot forgotten forget
lockout locked lock
register enroll enrol enrollment registration join joining
bill billing invoice
taxi cab airport shuttle
veggie vegetarian
bank branch
power electricity electric lights
outage blackout
abroad international overseas
downstairs basement
uniform dresscode
evening night tonight
caretaker janitor
criminal arrested arrest crime
injury injured accident
immigration immigrant visa
debt bankruptcy bankrupt
fuel gasoline petrol tank fill
staff crew
technician engineer
wait weight waiting
brake break brakes
principal principle
wine bottle alcohol beer corkage
rent rental
available availability vacant
"""
"""Words that mean the same to who answers a phone, those of a line; and those that sound the same."""

WEAK: Final = """\
able actually again ago already alright always anybody anyone anything anywhere around ask away bad be because
before besides best better between bit both cant cause certain couldnt couple currently
day dear different didnt doesnt each early easily either else enough ever every everybody everyone everything
exactly excuse extra far feel few fine folks follow free full fully further great guy guys hadnt happen
happened happens hasnt havent hear heard hour hows idea inside instead isnt keep kind know
last later leave less little live local lot lots love main matter maybe mean miss myself name near nearby
nearest neither never new nice nobody normal normally nothing obviously often ones only order others outside
part particular per perhaps person place plan planned planning point possible possibly probably quick quickly
quite ready real reason regarding regular regularly same second see seem serious side since sir soon sort
start stuff suppose sure talk that'd thing things today together tomorrow tonight total trouble true try turn
type under unfortunately usual value wait wants way week went weren weird wondering wont worry wouldnt
wrong year yet you'd come came coming went goes says saying tells told getting gets gotten giving makes made
having been being after before afterward table wear run running ran use used using look looking
carry hold put read set pick pull push move moved moving walk stand sit eat drink sleep send receive answer
show learn allow let prefer wish hate remember decide agree handle deal defend treat front rid line
check list worth sense
theres heres dont cant wont isnt arent doesnt didnt couldnt wouldnt shouldnt one first visit many any
"""
"""Words that are seldom what a question is about, though they mean something."""
