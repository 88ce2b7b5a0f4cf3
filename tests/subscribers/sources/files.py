"""Files as other programs write them, with invented people, and what is to come of each person."""

from dataclasses import dataclass, field

CONFIRMED, PENDING, UNSUBSCRIBED, OBJECTION, BOUNCED, COMPLAINED = (
    "confirmed", "pending", "unsubscribed", "objection", "hard-bounce", "complaint",
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file: its name, what stands in it, who wrote it, and of each address the names and how they stand."""

    name: str
    text: str
    tool: str | None
    people: dict[str, tuple[str, str, str]]
    encoding: str = "utf-8"
    values: dict[str, dict[str, object]] = field(default_factory=dict)
    """More that is to be known of some of them."""

    def __str__(self) -> str:
        return f"{self.tool}: {self.name}"


MAILCHIMP = (
    "MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION"
)
GHOST = (
    "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers"
)
GOOGLE = (
    "First Name,Middle Name,Last Name,Phonetic First Name,Phonetic Middle Name,Phonetic Last Name,Name Prefix,"
    "Name Suffix,Nickname,File As,Organization Name,Organization Title,Organization Department,Birthday,Notes,Photo,"
    "Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value"
)
OUTLOOK_FRENCH = (
    '"Titre","Prénom","Deuxième prénom","Nom","Suffixe","Société","Service","Profession","Rue (bureau)",'
    '"Pays (bureau)","Adresse de messagerie","Type de messagerie","Nom complet de l\'adresse de messagerie",'
    '"Adresse de messagerie 2","Langue","Notes"'
)
OUTLOOK_GERMAN = (
    '"Anrede","Vorname","Weitere Vornamen","Nachname","Suffix","Firma","Abteilung","Position","Straße geschäftlich",'
    '"Land/Region geschäftlich","E-Mail-Adresse","E-Mail-Typ","E-Mail: Angezeigter Name","E-Mail 2: Adresse","Notizen"'
)
FILES = [
    File(
        "subscribed_members_export_3f2a.csv",
        f'"Email Address","First Name","Last Name",Company,{MAILCHIMP},LAST_CHANGED,LEID,EUID,NOTES,TAGS\n'
        'mc1@example.org,Zoë,O\'Brien,"Le Journal",2,"2024-01-05 10:00:00",192.0.2.1,"2024-01-05 10:02:00",192.0.2.1,'
        '50.8,4.3,1,2,Europe/Brussels,be,bru,"2024-01-05 10:02:00",1234,0a1b2c,,"""press"",""music"""\n',
        "Mailchimp",
        {"mc1@example.org": ("Zoë", "O'Brien", CONFIRMED)},
        values={"mc1@example.org": {"country": "BE", "time_zone": "Europe/Brussels", "organisation": "Le Journal"}},
    ),
    File(
        "unsubscribed_members_export_3f2a.csv",
        f'"Email Address","First Name","Last Name",{MAILCHIMP},UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,'
        "UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS\n"
        'mc2@example.org,Ann,Lee,2,"2023-01-05 10:00:00",,,,,,,,,,,"2024-03-01 08:00:00",May,77,NORMAL,,1,a,,\n'
        'mc3@example.org,Bo,Ek,2,,,,,,,,,,,,,,,,,2,b,,\n',
        "Mailchimp",
        {"mc2@example.org": ("Ann", "Lee", UNSUBSCRIBED), "mc3@example.org": ("Bo", "Ek", UNSUBSCRIBED)},
    ),
    File(
        "cleaned_members_export_3f2a.csv",
        f'"Email Address","First Name","Last Name",{MAILCHIMP},CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID\n'
        'mc4@example.org,Cy,Roe,1,,,,,,,,,,,,"2024-03-01 08:00:00",May,77,3,c\n',
        "Mailchimp",
        {"mc4@example.org": ("", "", BOUNCED)},
    ),
    File(
        "nonsubscribed_email_audience_export_3f2a.csv",
        f'"Email Address","First Name","Last Name",{MAILCHIMP},LAST_CHANGED,LEID,EUID,NOTES,TAGS\n'
        "mc5@example.org,Di,Fox,1,,,,,,,,,,,,,4,d,,\n",
        "Mailchimp",
        {"mc5@example.org": ("Di", "Fox", PENDING)},
    ),
    File(
        "members_2014.csv",  # an old one, with the columns that Mailchimp then wrote twice
        '"Email Address",Name,Country,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,'
        "UNSUB_REASON,UNSUB_REASON_OTHER,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,"
        "GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES\n"
        'mc6@example.org,"Rik van Dam",Netherlands,,,,,,,,2,,,"2013-06-25 17:38:27",,,,,,,,,,9,e,\n'
        'mc7@example.org,"Eva Ott",,12,NORMAL,"2014-01-01 10:00:00",May,,,,2,,,,,,,,,,,,,10,f,\n',
        "Mailchimp",
        {"mc6@example.org": ("Rik", "van Dam", CONFIRMED), "mc7@example.org": ("Eva", "Ott", UNSUBSCRIBED)},
        values={"mc6@example.org": {"country": "NL"}},
    ),
    File(
        "abonnes.csv",  # the interface in French, and the audience's own fields too
        '"Adresse e-mail",Prénom,"Nom de famille",MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,LEID,EUID\n'
        'mc8@example.org,Éloïse,Dupré,2,"2024-01-05 10:00:00",,5,g\nmc9@example.org,Guy,Noël,2,,"2024-02-01 09:00:00",6,h\n',
        "Mailchimp",
        {"mc8@example.org": ("Éloïse", "Dupré", CONFIRMED), "mc9@example.org": ("Guy", "Noël", UNSUBSCRIBED)},
    ),
    File(
        "brevo.csv",
        "CONTACT ID;EMAIL;FIRSTNAME;LASTNAME;SMS;BLOCKLISTED;ADDED_TIME;MODIFIED_TIME\n"
        "1;br1@example.org;Jo;Roe;;No;05-01-2024 10:00:00;05-01-2024 10:00:00\n"
        "2;br2@example.org;Al;Poe;;Yes;05-01-2024 10:00:00;05-01-2024 10:00:00\n",
        "Brevo",
        {"br1@example.org": ("Jo", "Roe", CONFIRMED), "br2@example.org": ("", "", OBJECTION)},
    ),
    File(
        "sendinblue.csv",
        "EMAIL;NOM;PRENOM;SMS;BLACKLISTED\nbr3@example.org;Hervé;Luc;;0\nbr4@example.org;Petit;Léa;;1\n",
        "Brevo",
        {"br3@example.org": ("Luc", "Hervé", CONFIRMED), "br4@example.org": ("", "", OBJECTION)},
    ),
    File(
        "brevo-channels.csv",  # other channels than mail say nothing of mail
        "CONTACT ID;EMAIL;FIRSTNAME;LASTNAME;EMAIL_BLOCKLISTED;SMS_BLOCKLISTED;WHATSAPP_BLOCKLISTED\n"
        "1;br5@example.org;Jo;Roe;No;Yes;Yes\n2;br6@example.org;Al;Poe;Yes;No;No\n",
        "Brevo",
        {"br5@example.org": ("Jo", "Roe", CONFIRMED), "br6@example.org": ("", "", OBJECTION)},
    ),
    File(
        "brevo-api.csv",  # the names of its API, as programs write them that fetch contacts by it
        "id,email,emailBlacklisted,smsBlacklisted,createdAt,modifiedAt,FIRSTNAME,LASTNAME\n"
        "1,br7@example.org,false,true,2024-01-05,2024-01-05,Jo,Roe\n2,br8@example.org,true,false,2024-01-05,2024-01-05,Al,Poe\n",
        "Brevo",
        {"br7@example.org": ("Jo", "Roe", CONFIRMED), "br8@example.org": ("", "", OBJECTION)},
    ),
    File(
        "brevo-campaigns.csv",
        "CONTACT ID,EMAIL,FIRSTNAME,LASTNAME,SMS,EMAIL_CAMPAIGNS,SMS_CAMPAIGNS\n"
        "1,br9@example.org,Jo,Roe,,Subscribed,Blocklisted\n2,br10@example.org,Al,Poe,,Blocklisted,Subscribed\n",
        "Brevo",
        {"br9@example.org": ("Jo", "Roe", CONFIRMED), "br10@example.org": ("", "", OBJECTION)},
    ),
    File(
        "subscribers.csv",
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'a-1,lm1@example.org,Jane M. Doe,"{""city"": ""Ghent""}",enabled,2024-01-05,2024-01-05\n'
        "a-2,lm2@example.org,Joe Roe,{},blocklisted,2024-01-05,2024-01-05\n"
        "a-3,lm3@example.org,Ed Poe,{},disabled,2024-01-05,2024-01-05\n",
        "listmonk",
        {
            "lm1@example.org": ("Jane M.", "Doe", CONFIRMED),
            "lm2@example.org": ("", "", OBJECTION),
            "lm3@example.org": ("Ed", "Poe", UNSUBSCRIBED),
        },
    ),
    File(
        "email_list.gazette.csv",
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
        "su1@example.org,false,,other,false,2024-01-05T00:00:00.000Z,\n"
        "su2@example.org,true,2027-01-01T00:00:00.000Z,yearly,false,2024-01-05T00:00:00.000Z,2024-01-05T00:00:00.000Z\n"
        "su3@example.org,false,,other,true,2024-01-05T00:00:00.000Z,\n",
        "Substack",
        {
            "su1@example.org": ("", "", CONFIRMED),  # not paying is not leaving
            "su2@example.org": ("", "", CONFIRMED),
            "su3@example.org": ("", "", UNSUBSCRIBED),
        },
    ),
    File(
        "ghost.2024-01-05.csv",
        f"{GHOST}\nm1,gh1@example.org,Ursula von der Leyen,,true,false,,2024-01-05T10:00:00.000Z,,press,\n"
        "m2,gh2@example.org,Ian Fry,,false,false,,2024-01-05T10:00:00.000Z,,,\n"
        "m3,gh3@example.org,Kim Orr,,true,true,cus_1,2024-01-05T10:00:00.000Z,2024-02-05T10:00:00.000Z,,\n",
        "Ghost",
        {
            "gh1@example.org": ("Ursula", "von der Leyen", CONFIRMED),
            "gh2@example.org": ("Ian", "Fry", UNSUBSCRIBED),
            "gh3@example.org": ("Kim", "Orr", UNSUBSCRIBED),
        },
    ),
    File(
        "contact_export.csv",
        '"Email address","First name","Last name",Company,"Email status","Email permission status","Email update source",'
        '"Email Lists",Tags,"Country - Home","Created At","Updated At"\n'
        'cc1@example.org,Mia,Rae,Gazette,Active,Express,Contact,"Press, All",,Ireland,2024-01-05,2024-01-05\n'
        "cc2@example.org,Nat,Roy,,Unsubscribed,Express,Contact,,,,2024-01-05,2024-01-05\n"
        "cc3@example.org,Oli,Sim,,Awaiting confirmation,Implied,Contact,,,,2024-01-05,2024-01-05\n",
        "Constant Contact",
        {
            "cc1@example.org": ("Mia", "Rae", CONFIRMED),
            "cc2@example.org": ("Nat", "Roy", UNSUBSCRIBED),
            "cc3@example.org": ("Oli", "Sim", PENDING),
        },
        values={"cc1@example.org": {"country": "IE", "organisation": "Gazette"}},
    ),
    File(
        "campaign-monitor.csv",
        '"Email Address","Name","Date Joined","Status"\n"cm1@example.org","Pia Tan","2024-01-05 10:00","Active"\n'
        '"cm2@example.org","Quin Ure","2024-01-05 10:00","Bounced"\n"cm3@example.org","Ray Vos","2024-01-05 10:00","Deleted"\n',
        "Campaign Monitor",
        {
            "cm1@example.org": ("Pia", "Tan", CONFIRMED),
            "cm2@example.org": ("", "", BOUNCED),
            "cm3@example.org": ("Ray", "Vos", UNSUBSCRIBED),
        },
    ),
    File(
        "campaign-monitor-api.csv",
        "EmailAddress,Name,Date,ListJoinedDate,State,ReadsEmailWith,ConsentToTrack\n"
        "cm4@example.org,Pia Tan,2024-01-05,2024-01-05,Active,Gmail,No\n"
        "cm5@example.org,Quin Ure,2024-01-05,2024-01-05,Unsubscribed,,Unchanged\n"
        "cm6@example.org,Ray Vos,2024-01-05,2024-01-05,Unconfirmed,,Yes\n",
        "Campaign Monitor",
        {
            "cm4@example.org": ("Pia", "Tan", CONFIRMED),  # not to be tracked is not to have left
            "cm5@example.org": ("Quin", "Ure", UNSUBSCRIBED),
            "cm6@example.org": ("Ray", "Vos", PENDING),
        },
    ),
    File(
        "mailerlite-api.csv",
        "id,email,status,source,sent,opens_count,clicks_count,open_rate,click_rate,ip_address,subscribed_at,unsubscribed_at,"
        "created_at,updated_at,name,last_name\n"
        "1,ml5@example.org,active,api,1,1,1,1,1,,2024-01-05 10:00:00,,2024-01-05,2024-01-05,Sol,Wu\n"
        "2,ml6@example.org,unsubscribed,api,1,1,1,1,1,,2024-01-05,2024-02-05 10:00:00,2024-01-05,2024-01-05,Tim,Yam\n"
        "3,ml7@example.org,bounced,api,1,0,0,0,0,,2024-01-05,,2024-01-05,2024-01-05,Uma,Zen\n",
        "MailerLite",
        {
            "ml5@example.org": ("Sol", "Wu", CONFIRMED),
            "ml6@example.org": ("Tim", "Yam", UNSUBSCRIBED),
            "ml7@example.org": ("", "", BOUNCED),
        },
    ),
    File(
        "mailerlite.csv",
        "Subscriber,Name,Last name,Status,Sent,Opened,Clicked,Subscribed,Unsubscribed,Location\n"
        "ml1@example.org,Sol,Wu,Active,4,2,1,2024-01-05 10:00:00,,Belgium\n"
        "ml2@example.org,Tim,Yam,Unsubscribed,4,2,1,2024-01-05 10:00:00,2024-02-05 10:00:00,\n"
        "ml3@example.org,Uma,Zen,Junk,4,2,1,2024-01-05 10:00:00,,\n"
        "ml4@example.org,Val,Abt,Unconfirmed,0,0,0,2024-01-05 10:00:00,,\n",
        "MailerLite",
        {
            "ml1@example.org": ("Sol", "Wu", CONFIRMED),
            "ml2@example.org": ("Tim", "Yam", UNSUBSCRIBED),
            "ml3@example.org": ("", "", COMPLAINED),
            "ml4@example.org": ("Val", "Abt", PENDING),
        },
    ),
    File(
        "contacts.mautic.csv",
        "id,title,firstname,lastname,email,company,points,preferred_locale,country,doNotEmail\n"
        "1,,Wim,Bos,ma1@example.org,Krant,0,nl_BE,Belgium,0\n2,,Xi,Cao,ma2@example.org,,0,,,1\n",
        "Mautic",
        {"ma1@example.org": ("Wim", "Bos", CONFIRMED), "ma2@example.org": ("", "", OBJECTION)},
        values={"ma1@example.org": {"country": "BE", "languages": ("nl-BE",), "organisation": "Krant"}},
    ),
    File(
        "phpList Export from 2024-01-05.csv",
        "id\tEmail\tIs the email of this subscriber confirmed\tIs this subscriber blacklisted\tNumber of bounces\tEntered\t"
        "Last Modified\tUnique ID\tName\tList Membership\n"
        "1\tph1@example.org\t1\t0\t2\t2024-01-05\t2024-01-05\tabc\tYan Dietz\tpress \n"
        "2\tph2@example.org\t1\t1\t0\t2024-01-05\t2024-01-05\tdef\tZed Eich\tpress \n"
        "3\tph3@example.org\t0\t0\t0\t2024-01-05\t2024-01-05\tghi\tAb Funk\tpress \n",
        "phpList",
        {
            "ph1@example.org": ("Yan", "Dietz", CONFIRMED),
            "ph2@example.org": ("", "", OBJECTION),
            "ph3@example.org": ("Ab", "Funk", PENDING),
        },
    ),
    File(
        "hubspot-crm-exports-all-contacts.csv",
        '"Record ID","First Name","Last Name",Email,"Phone Number","Contact owner","Lead Status","Marketing contact status",'
        '"Create Date","Associated Company","Unsubscribed from all email","Email hard bounce reason"\n'
        '1,Bea,Gill,hs1@example.org,,,New,"Marketing contact",2024-01-05,Herald,,\n'
        '2,Cem,Holt,hs2@example.org,,,Open,"Marketing contact",2024-01-05,,true,\n'
        '3,Dov,Inge,hs3@example.org,,,,"Marketing contact",2024-01-05,,,UNKNOWN_USER\n'
        '4,Eli,Jung,hs4@example.org,,,,"Non-marketing contact",2024-01-05,,,\n',
        "HubSpot",
        {
            "hs1@example.org": ("Bea", "Gill", CONFIRMED),
            "hs2@example.org": ("", "", OBJECTION),
            "hs3@example.org": ("", "", BOUNCED),
            "hs4@example.org": ("Eli", "Jung", PENDING),
        },
        values={"hs1@example.org": {"organisation": "Herald"}},
    ),
    File(
        "hubspot-unsubscribes-and-bounces.csv",
        "Email,Portal Bounce,Portal Unsubscribe,Portal Spam Report,Global Bounce\n"
        "hs5@example.org,FALSE,TRUE,FALSE,FALSE\nhs6@example.org,TRUE,FALSE,FALSE,FALSE\nhs7@example.org,FALSE,FALSE,TRUE,\n",
        "HubSpot",
        {
            "hs5@example.org": ("", "", OBJECTION),
            "hs6@example.org": ("", "", BOUNCED),
            "hs7@example.org": ("", "", COMPLAINED),
        },
    ),
    File(
        "CiviCRM_Contact_Search.csv",
        '"Contact ID","Contact Type","Do Not Email","Do Not Phone","Do Not Mail","No Bulk Emails (User Opt Out)",'
        '"First Name","Last Name","Preferred Language",Email,"On Hold"\n'
        "1,Individual,,1,1,,Flo,Kahn,fr_FR,ci1@example.org,No\n2,Individual,1,,,,Gus,Lund,,ci2@example.org,No\n"
        '3,Individual,,,,1,Hal,Mann,,ci3@example.org,No\n4,Individual,,,,,Ida,Nash,,ci4@example.org,"On Hold Bounce"\n',
        "CiviCRM",
        {
            "ci1@example.org": ("Flo", "Kahn", CONFIRMED),  # neither a telephone nor a letter box is meant
            "ci2@example.org": ("", "", OBJECTION),
            "ci3@example.org": ("", "", OBJECTION),
            "ci4@example.org": ("", "", BOUNCED),
        },
        values={"ci1@example.org": {"languages": ("fr-FR",)}},
    ),
    File(
        "contacts.csv",
        f"{GOOGLE}\nLi,,Wei,,,,,,,,Panda Co,,,--03-07,,,* myContacts ::: Press,* Work,go1@example.org,,\n"
        "Max,,Ott,,,,,,,,,,,,,,,,,Home,go2@example.org\n",
        "Google Contacts",
        {"go1@example.org": ("Li", "Wei", CONFIRMED), "go2@example.org": ("Max", "Ott", CONFIRMED)},
        values={"go1@example.org": {"organisation": "Panda Co"}},
    ),
    File(
        "google.csv",  # as it was until 2024, in UTF-16 for a while
        "Name,Given Name,Additional Name,Family Name,Yomi Name,Group Membership,E-mail 1 - Type,E-mail 1 - Value,"
        "Organization 1 - Name\nNora Quist,Nora,,Quist,,* myContacts,* Work,go3@example.org,Avis\n",
        "Google Contacts",
        {"go3@example.org": ("Nora", "Quist", CONFIRMED)},
        encoding="utf-16",
        values={"go3@example.org": {"organisation": "Avis"}},
    ),
    File(
        "outlook.csv",
        '"Title","First Name","Middle Name","Last Name","Suffix","Company","Department","Job Title","Business Street",'
        '"Business Country/Region","Home Country/Region","E-mail Address","E-mail Type","E-mail Display Name","Notes"\n'
        '"Mr","Otto","","Rask","","Avisen","","Editor","","","Denmark","ou1@example.org","SMTP","Otto Rask (o@example.org)",""\n',
        "Outlook",
        {"ou1@example.org": ("Otto", "Rask", CONFIRMED)},
        encoding="windows-1252",
        values={"ou1@example.org": {"country": "DK", "organisation": "Avisen"}},
    ),
    File(
        "outlook-fr.csv",
        f'{OUTLOOK_FRENCH}\n"M.","Rémi","","Sève","","Le Quotidien","","","","Belgique","ou2@example.org","SMTP","","","français",""\n',
        "Outlook",
        {"ou2@example.org": ("Rémi", "Sève", CONFIRMED)},
        encoding="windows-1252",
        values={"ou2@example.org": {"country": "BE", "languages": ("fr",), "organisation": "Le Quotidien"}},
    ),
    File(
        "outlook-de.csv",
        f'{OUTLOOK_GERMAN}\n"Frau","Jörg","","Groß","","Zeitung","","","","Österreich","ou3@example.org","SMTP","Jörg Groß","",""\n'
        '"","","","","","Amt","","","","","ou4@example.org","SMTP","Eva Tal","",""\n',
        "Outlook",
        {"ou3@example.org": ("Jörg", "Groß", CONFIRMED), "ou4@example.org": ("Eva", "Tal", CONFIRMED)},
        encoding="windows-1252",
        values={"ou3@example.org": {"country": "AT", "organisation": "Zeitung"}},
    ),
    File(
        "media-list.csv",
        "Outlet Name,Contact Name,Title,Email,Phone,Country,Topics,Opted Out\n"
        "The Gazette,Tess Unger,Editor,pr1@example.org,,United Kingdom,Music; Copyright,\n"
        'Radio Uno,"Vale, Uli",Reporter,pr2@example.org,,,,Yes\n',
        "a press database",
        {"pr1@example.org": ("Tess", "Unger", CONFIRMED), "pr2@example.org": ("Uli", "Vale", UNSUBSCRIBED)},
        values={"pr1@example.org": {"country": "GB", "organisation": "The Gazette", "topics": ("Music", "Copyright")}},
    ),
    File(
        "press-contacts.csv",
        "Name,Title,Primary Outlet,Email,Phone,Location,Do Not Contact\n"
        "Vic Wynn,Editor,Gazette,pr3@example.org,,London,\nWes Xiu,Editor,Radio,pr4@example.org,,,Yes\n",
        "a press database",
        {"pr3@example.org": ("Vic", "Wynn", CONFIRMED), "pr4@example.org": ("", "", OBJECTION)},
        values={"pr3@example.org": {"organisation": "Gazette"}},
    ),
    File(
        "email-suppression-list.csv",
        "Email,Reason,Date\npr5@example.org,Unsubscribed,2024-01-05\npr6@example.org,Bounced,2024-01-05\n",
        None,
        {"pr5@example.org": ("", "", OBJECTION), "pr6@example.org": ("", "", OBJECTION)},
    ),
    File(
        "excel.csv",  # Excel in German: semicolons, Windows-1252, its own words for true and false
        "sep=;\r\nVorname;Nachname;E-Mail;Newsletter\r\nJürgen;Weiß;ex1@example.org;WAHR\r\nKäthe;Xaver;ex2@example.org;FALSCH\r\n",
        None,
        {"ex1@example.org": ("Jürgen", "Weiß", CONFIRMED), "ex2@example.org": ("Käthe", "Xaver", UNSUBSCRIBED)},
        encoding="windows-1252",
    ),
    File(
        "excel-unicode.txt",  # Excel's "Unicode text"
        "Imię\tNazwisko\tAdres e-mail\tStatus\r\nŁucja\tYoung\tex3@example.org\taktywny\r\nMaks\tŻak\tex4@example.org\twypisany\r\n",
        None,
        {"ex3@example.org": ("Łucja", "Young", CONFIRMED), "ex4@example.org": ("Maks", "Żak", UNSUBSCRIBED)},
        encoding="utf-16",
    ),
    File(
        "cards.vcf",
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen\r\n"
        "EMAIL;INTERNET:other@example.org\r\nEMAIL;INTERNET;PREF:vc1@example.org\r\nORG:Zeitung;Feuilleton\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Doe;Jane;;;\r\nFN:Jane Doe\r\nitem1.EMAIL;TYPE=INTERNET:vc2@example.org\r\n"
        "ADR:;;Rue 1;Bruxelles;;1000;Belgique\r\nCATEGORIES:press,music\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zoë O'Brien\r\nEMAIL:later@example.org\r\nEMAIL;PREF=1:vc3@example.org\r\nLANG:fr\r\nEND:VCARD\r\n",
        "an address book",
        {
            "vc1@example.org": ("Jürgen", "Müller", CONFIRMED),
            "vc2@example.org": ("Jane", "Doe", CONFIRMED),
            "vc3@example.org": ("Zoë", "O'Brien", CONFIRMED),
        },
        values={
            "vc1@example.org": {"organisation": "Zeitung"},
            "vc2@example.org": {"country": "BE"},
            "vc3@example.org": {"languages": ("fr",)},
        },
    ),
    File(
        "addresses.txt",
        "ba1@example.org\n\n  ba2@example.org ; ba3@example.org\n",
        None,
        {f"ba{number}@example.org": ("", "", CONFIRMED) for number in (1, 2, 3)},
    ),
    File(
        "from-a-mail.txt",
        '"Doe, Jane" <na1@example.org>, Joe Roe <na2@example.org>;\nPoe, Al <na3@example.org>\n<na4@example.org>\n',
        None,
        {
            "na1@example.org": ("Jane", "Doe", CONFIRMED),
            "na2@example.org": ("Joe", "Roe", CONFIRMED),
            "na3@example.org": ("Al", "Poe", CONFIRMED),
            "na4@example.org": ("", "", CONFIRMED),
        },
    ),
    File(
        "bounces-may.txt",
        "bo1@example.org\n",
        None,
        {"bo1@example.org": ("", "", BOUNCED)},
    ),
]  # fmt: skip
