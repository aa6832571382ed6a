//! Puts differences together by cause: one fault, one cluster.

mod attribute;
mod example;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::verdict::{Cause, Cluster, Example, Tier};
use crate::verify::compare::Difference;
use crate::verify::observation::Pass;

/// Clusters, `fail` first, the most frequent first.
pub(super) fn cluster(
    differences: &[Difference],
    passes: &[[Pass; 3]],
    cause: &dyn Fn(&Difference) -> Cause,
) -> Vec<Cluster> {
    let roots = attribute::roots(differences, passes);
    // (tier, group) → members
    let mut groups: BTreeMap<(Tier, &str), Vec<usize>> = BTreeMap::new();
    for (index, root) in roots.iter().enumerate() {
        let root = &differences[*root];
        groups.entry((root.tier, root.group.as_str())).or_default().push(index);
    }
    let mut clusters: Vec<(usize, Cluster)> = groups
        .into_values()
        .filter_map(|members| {
            let own = || members.iter().copied().filter(|index| roots[*index] == *index);
            // Attributed members take their root along, so there always is one.
            let example = own().min_by_key(|index| {
                let one = &differences[*index];
                (one.path.is_empty(), one.original.len() + one.migrated.len(), *index)
            })?;
            let first = own().min()?;
            let chosen = &differences[example];
            let places: BTreeSet<(usize, usize, &str)> = members
                .iter()
                .map(|index| {
                    let one = &differences[*index];
                    (
                        one.scenario,
                        one.order,
                        if one.order == usize::MAX { one.group.as_str() } else { "" },
                    )
                })
                .collect();
            let scenario =
                passes.get(chosen.scenario).map_or("", |three| three[0].scenario.as_str());
            Some((
                first,
                Cluster {
                    tier: chosen.tier,
                    class: chosen.class,
                    summary: example::line(&chosen.summary),
                    count: places.len() as u64,
                    first: Example {
                        scenario: scenario.to_owned(),
                        step: chosen.step.clone(),
                        original: example::cut(&chosen.original),
                        migrated: example::cut(&chosen.migrated),
                    },
                    likely_cause: cause(chosen),
                },
            ))
        })
        .collect();
    clusters
        .sort_by_key(|(first, cluster)| (cluster.tier, std::cmp::Reverse(cluster.count), *first));
    clusters.into_iter().map(|(_, cluster)| cluster).collect()
}
