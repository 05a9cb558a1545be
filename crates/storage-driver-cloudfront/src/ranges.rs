//! Which addresses are AWS's.
//!
//! AWS publishes a list of some ten thousand overlapping networks; merged and sorted, an address is looked up in a dozen
//! steps. (Amazon VPC User Guide, "AWS IP address ranges JSON".)

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;

use crate::IpFilter;

/// Networks that do not overlap, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<IpNet>);

/// Why a list is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RangesError {
    /// It is no JSON, or of another shape.
    #[error("it is no list of address ranges as AWS publishes it")]
    Shape(#[from] serde_json::Error),
    /// It names no network at all.
    #[error("it names no network that is one")]
    Empty,
}

/// The list as AWS publishes it, as far as we read it.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    prefixes: Vec<Entry>,
    #[serde(default)]
    ipv6_prefixes: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "ip_prefix", alias = "ipv6_prefix")]
    prefix: String,
    #[serde(default)]
    region: String,
}

impl Ranges {
    /// Reads a list and keeps the networks that the filter asks for. An entry that is no network is passed over, so that
    /// a new kind of entry does not take the others with it.
    pub(crate) fn parse(text: &[u8], filter: &IpFilter) -> Result<Self, RangesError> {
        let document: Document = serde_json::from_slice(text)?;
        let mut valid = 0_usize;
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for entry in document.prefixes.iter().chain(&document.ipv6_prefixes) {
            let Ok(network) = entry.prefix.parse::<IpNet>() else { continue };
            valid += 1;
            match network.trunc() {
                _ if !filter.wants(&entry.region) => {}
                IpNet::V4(network) => v4.push(network),
                IpNet::V6(network) => v6.push(network),
            }
        }
        if valid == 0 {
            return Err(RangesError::Empty);
        }
        let merged = Ipv4Net::aggregate(&v4).into_iter().map(IpNet::V4);
        let mut networks: Vec<_> = merged.chain(Ipv6Net::aggregate(&v6).into_iter().map(IpNet::V6)).collect();
        networks.sort_unstable_by_key(IpNet::network);
        Ok(Self(networks))
    }

    /// Whether an address is in one of the networks.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let behind = self.0.partition_point(|network| network.network() <= address);
        behind.checked_sub(1).is_some_and(|index| self.0[index].contains(&address))
    }

    /// How many networks there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl IpFilter {
    fn wants(&self, region: &str) -> bool {
        match self {
            Self::None => false,
            Self::Aws => true,
            Self::AwsRegion(regions) => regions.iter().any(|wanted| wanted.eq_ignore_ascii_case(region)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What AWS publishes, cut down.
    pub(crate) const LIST: &str = r#"{
        "syncToken": "1700000000",
        "createDate": "2026-11-21-00-00-00",
        "prefixes": [
            {"ip_prefix": "3.5.140.0/22", "region": "ap-northeast-2", "service": "AMAZON", "network_border_group": "ap-northeast-2"},
            {"ip_prefix": "3.5.140.0/22", "region": "ap-northeast-2", "service": "S3", "network_border_group": "ap-northeast-2"},
            {"ip_prefix": "52.94.76.0/22", "region": "us-west-2", "service": "AMAZON", "network_border_group": "us-west-2"},
            {"ip_prefix": "52.94.77.0/24", "region": "us-west-2", "service": "EC2", "network_border_group": "us-west-2"},
            {"ip_prefix": "15.230.0.4/32", "region": "GLOBAL", "service": "AMAZON", "network_border_group": "GLOBAL"},
            {"ip_prefix": "not a network", "region": "us-west-2"}
        ],
        "ipv6_prefixes": [
            {"ipv6_prefix": "2a05:d07a:a000::/40", "region": "eu-south-1", "service": "AMAZON", "network_border_group": "eu-south-1"},
            {"ipv6_prefix": "2600:1f14::/35", "region": "us-west-2", "service": "EC2", "network_border_group": "us-west-2"}
        ]
    }"#;

    fn inside(filter: &IpFilter, addresses: &[&str]) -> Vec<bool> {
        let ranges = Ranges::parse(LIST.as_bytes(), filter).unwrap();
        addresses.iter().map(|address| ranges.contains(address.parse().unwrap())).collect()
    }

    #[test]
    fn addresses_of_both_families_are_found_to_the_edges_of_their_networks() {
        let inner = [
            "3.5.140.0",
            "3.5.143.255",
            "52.94.77.1",
            "52.94.79.255",
            "15.230.0.4",
            "::ffff:3.5.140.9",
            "2a05:d07a:a000::",
            "2a05:d07a:a0ff:ffff:ffff:ffff:ffff:ffff",
            "2600:1f14:1fff::1",
        ];
        assert_eq!(inside(&IpFilter::Aws, &inner), [true; 9]);
        let outer = [
            "3.5.139.255",
            "3.5.144.0",
            "52.94.80.0",
            "15.230.0.5",
            "0.0.0.0",
            "255.255.255.255",
            "2a05:d07a:a100::",
            "2a05:d07a:9fff:ffff::",
            "2600:1f14:2000::",
            "::",
            "::1",
        ];
        assert_eq!(inside(&IpFilter::Aws, &outer), [false; 11]);
    }

    #[test]
    fn a_region_filter_keeps_its_regions_alone() {
        let filter = IpFilter::AwsRegion(vec!["US-West-2".to_owned(), "eu-south-1".to_owned()]);
        let addresses = ["52.94.77.1", "2600:1f14::1", "2a05:d07a:a000::1", "3.5.140.1", "15.230.0.4"];
        assert_eq!(inside(&filter, &addresses), [true, true, true, false, false]);
        let filter = IpFilter::AwsRegion(vec!["us-west".to_owned()]);
        assert_eq!(inside(&filter, &addresses), [false; 5]);
    }

    #[test]
    fn networks_that_overlap_are_merged() {
        assert_eq!(Ranges::parse(LIST.as_bytes(), &IpFilter::Aws).unwrap().len(), 5);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "",
            "{",
            "<html>",
            r#"{"prefixes": 1}"#,
            r#"{"prefixes": [{"ip_prefix": 1}]}"#,
            r#"{"prefixes": [{}]}"#,
        ] {
            assert!(
                matches!(Ranges::parse(text.as_bytes(), &IpFilter::Aws), Err(RangesError::Shape(_))),
                "{text}"
            );
        }
        for text in ["{}", "[]", r#"{"prefixes": []}"#, r#"{"prefixes": [{"ip_prefix": "x"}]}"#] {
            assert!(
                matches!(Ranges::parse(text.as_bytes(), &IpFilter::Aws), Err(RangesError::Empty)),
                "{text}"
            );
        }
    }
}
