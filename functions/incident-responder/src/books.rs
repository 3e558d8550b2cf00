//! The books of incidents: the record and its evidence in the reports' bucket, and what leads to them in the ledger's table.

use jiff::{SignedDuration, Timestamp};
use redress_aws::{Marks, Reports, Result, Sightings};
use redress_incidents::{Deed, Evidence, Incident};
use redress_model::Digest;

/// The books.
pub(crate) struct Books {
    reports: Reports,
    sightings: Sightings,
}

/// By actor: the incident that is under way. By control and resource: all that asked for it. By deed: the one that it belongs to.
const OF_ACTOR: &str = "incidents-of-actor";
const OF_RESPONSE: &str = "incidents-of-response";
const OF_DEED: &str = "incidents-of-deed";

/// The deeds of one actor within this time of its last are one incident.
const TOGETHER: SignedDuration = SignedDuration::from_hours(1);

fn folder(incident: &str) -> String {
    // An id begins with its day.
    let day = incident.get(..10).unwrap_or_default();
    format!("incidents/{day}/{incident}")
}

fn of_response(control: &str, resource: &str) -> String {
    format!("{OF_RESPONSE} {control} {resource}")
}

impl Books {
    pub(crate) fn new(reports: Reports, sightings: Sightings) -> Self {
        Self { reports, sightings }
    }

    pub(crate) async fn read(&self, incident: &str) -> Result<Option<Incident>> {
        self.reports.read(&format!("{}/incident.json", folder(incident))).await
    }

    async fn latest(&self, marks: &Marks) -> Result<Option<Incident>> {
        match marks.iter().max_by_key(|(_, at)| **at) {
            Some((id, _)) => self.read(id).await,
            None => Ok(None),
        }
    }

    /// The incident of a deed, and whether it is new: the one that has it already, the actor's of the last hour, or another.
    pub(crate) async fn of(&self, deed: &Deed, who: &str, now: Timestamp) -> Result<(Incident, bool)> {
        if let Some(known) = self.latest(&self.sightings.of(OF_DEED, &deed.id).await?).await? {
            return Ok((known, false));
        }
        let mut under_way = self.sightings.of(OF_ACTOR, &format!("{} {who}", deed.account)).await?;
        under_way.retain(|_, last| now.duration_since(*last) < TOGETHER);
        if let Some(known) = self.latest(&under_way).await? {
            return Ok((known, false));
        }
        let id = format!("{}-{}", now.strftime("%Y-%m-%d"), &Digest::of(deed.id.as_bytes()).as_str().get(..12).unwrap_or_default());
        match self.read(&id).await? {
            Some(known) => Ok((known, false)),
            None => Ok((Incident::open(id, deed, now), true)),
        }
    }

    /// The incidents that asked for a control on a resource: two actors may have done something to the same key.
    pub(crate) async fn about(&self, control: &str, resource: &str) -> Result<Vec<Incident>> {
        let mut all = Vec::new();
        for incident in self.sightings.at(&of_response(control, resource)).await?.keys() {
            all.extend(self.read(incident).await?);
        }
        Ok(all)
    }

    /// Keeps a piece of evidence.
    pub(crate) async fn keep_piece(&self, incident: &Incident, piece: &Evidence) -> Result<()> {
        self.reports.write(&format!("{}/{:03}-{}.json", folder(&incident.id), piece.number, piece.what), piece).await
    }

    /// Keeps the record.
    pub(crate) async fn keep(&self, incident: &Incident) -> Result<()> {
        self.reports.write(&format!("{}/incident.json", folder(&incident.id)), incident).await
    }

    /// Keeps what leads to the record: from `deed`, from what has no outcome yet, and from its actor, whose deeds that follow are of it.
    pub(crate) async fn keep_ways(&self, incident: &Incident, deed: &Deed, who: &str, now: Timestamp) -> Result<()> {
        let marks = Marks::from([(incident.id.clone(), now)]);
        self.sightings.keep(OF_ACTOR, &format!("{} {who}", incident.account), &marks, now).await?;
        self.sightings.keep(OF_DEED, &deed.id, &marks, now).await?;
        for asked in incident.responses.iter().filter(|asked| asked.outcome.is_none()) {
            let place = of_response(&asked.response.control, &asked.response.resource.id);
            self.sightings.keep(&place, &incident.id, &marks, now).await?;
        }
        Ok(())
    }
}
