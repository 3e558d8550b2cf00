//! Change windows: the hours of a week in which changes may be made by themselves.

use jiff::{
    Timestamp, ToSpan,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A span of hours on some days of the week, in a time zone. One that ends before it begins lasts into the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: Vec<Day>,
    /// When it begins, as `22:00`.
    pub from: HourAndMinute,
    /// When it ends, as `04:00`; the same as `from` for a whole day.
    pub to: HourAndMinute,
    /// The IANA name of the time zone, such as `Europe/Berlin`.
    pub zone: Zone,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

/// A time of the day, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct HourAndMinute(Time);

impl TryFrom<String> for HourAndMinute {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Time::strptime("%H:%M", &text).map(Self).map_err(|_| format!("`{text}` is no time of the day: write it as \"22:00\""))
    }
}

impl From<HourAndMinute> for String {
    fn from(HourAndMinute(time): HourAndMinute) -> Self {
        time.strftime("%H:%M").to_string()
    }
}

/// A time zone that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let rules =
            TimeZone::get(&name).map_err(|_| format!("`{name}` is no time zone: write an IANA name such as Europe/Berlin or UTC"))?;
        Ok(Self { name, rules })
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl Window {
    /// Whether it is open at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        // It may have begun today or yesterday.
        [-1, 0].into_iter().any(|offset| self.span(now, offset).is_some_and(|(from, to)| from <= now && now < to))
    }

    /// When it next opens after `now`; `None` for a window without days.
    pub fn opens_after(&self, now: Timestamp) -> Option<Timestamp> {
        (0..=7).filter_map(|offset| self.span(now, offset)).map(|(from, _)| from).find(|from| *from > now)
    }

    /// The window that begins `offset` days from the day of `now`, if one begins then.
    fn span(&self, now: Timestamp, offset: i32) -> Option<(Timestamp, Timestamp)> {
        let zone = &self.zone.rules;
        let day = now.to_zoned(zone.clone()).date().checked_add(offset.days()).ok()?;
        if !self.days.iter().any(|wanted| wanted.weekday() == day.weekday()) {
            return None;
        }
        let end_day = if self.to.0 <= self.from.0 { day.tomorrow().ok()? } else { day };
        let at = |day: jiff::civil::Date, time: Time| day.to_datetime(time).to_zoned(zone.clone()).ok().map(|at| at.timestamp());
        Some((at(day, self.from.0)?, at(end_day, self.to.0)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Day], from: &str, to: &str, zone: &str) -> Window {
        let time = |text: &str| HourAndMinute::try_from(text.to_owned()).unwrap();
        Window { days: days.to_vec(), from: time(from), to: time(to), zone: Zone::try_from(zone.to_owned()).unwrap() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = window(&[Day::Fri], "22:00", "04:00", "UTC");
        assert!(night.is_open(at("2026-11-20T23:00:00Z")), "Friday evening");
        assert!(night.is_open(at("2026-11-21T03:59:59Z")), "Saturday before dawn");
        assert!(!night.is_open(at("2026-11-21T04:00:00Z")), "its end is no longer in it");
        assert!(!night.is_open(at("2026-11-21T23:00:00Z")), "Saturday evening");
        assert_eq!(night.opens_after(at("2026-11-21T05:00:00Z")), Some(at("2026-11-27T22:00:00Z")));
    }

    #[test]
    fn hours_are_those_of_the_zone_in_summer_and_winter() {
        let morning = window(&[Day::Mon, Day::Wed], "09:00", "10:00", "Europe/Berlin");
        assert!(morning.is_open(at("2026-07-06T07:30:00Z")), "UTC+2 in July");
        assert!(morning.is_open(at("2026-11-23T08:30:00Z")), "UTC+1 in November");
        assert_eq!(morning.opens_after(at("2026-11-23T08:30:00Z")), Some(at("2026-11-25T08:00:00Z")));
    }

    #[test]
    fn the_same_hour_twice_is_a_whole_day() {
        let sunday = window(&[Day::Sun], "00:00", "00:00", "UTC");
        assert!(sunday.is_open(at("2026-11-22T00:00:00Z")) && sunday.is_open(at("2026-11-22T23:59:59Z")));
        assert!(!sunday.is_open(at("2026-11-23T00:00:00Z")));
    }

    #[test]
    fn a_window_without_days_never_opens() {
        let never = window(&[], "00:00", "00:00", "UTC");
        assert_eq!((never.is_open(at("2026-11-22T12:00:00Z")), never.opens_after(at("2026-11-22T12:00:00Z"))), (false, None));
    }

    #[test]
    fn what_is_no_time_or_zone_is_named() {
        assert!(HourAndMinute::try_from("25:00".to_owned()).unwrap_err().contains("`25:00`"));
        assert!(Zone::try_from("Mars/Olympus".to_owned()).unwrap_err().contains("`Mars/Olympus`"));
    }
}
